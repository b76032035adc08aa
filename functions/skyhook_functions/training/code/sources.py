"""The packages to learn from, beside Python's standard library: of those that Skyhook's lock file installs.

Each has a licence that allows it. Which are held out was decided before anything was trained on them: some of each
kind, and none of which another one here has a copy.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A distribution that is installed, with its licence (SPDX)."""

    name: str
    licence: str
    is_held_out: bool = False
    """Whether it is kept for the evaluation."""


SOURCES = (
    Source("aiohttp", "Apache-2.0"),
    Source("aiosmtpd", "Apache-2.0"),
    Source("aiosqlite", "MIT"),
    Source("alembic", "MIT"),
    Source("anyio", "MIT", is_held_out=True),
    Source("asyncpg", "Apache-2.0"),
    Source("attrs", "MIT", is_held_out=True),
    Source("cffi", "MIT-0"),
    Source("charset-normalizer", "MIT"),
    Source("click", "BSD-3-Clause", is_held_out=True),
    Source("croniter", "MIT"),
    Source("dbos", "MIT"),
    Source("diffusers", "Apache-2.0"),
    Source("distlib", "PSF-2.0"),
    Source("execnet", "MIT"),
    Source("filelock", "MIT"),
    Source("fonttools", "MIT"),
    Source("fsspec", "BSD-3-Clause"),
    Source("graphql-core", "MIT", is_held_out=True),
    Source("grimp", "BSD-2-Clause"),
    Source("grpclib", "BSD-3-Clause"),
    Source("h11", "MIT"),
    Source("h2", "MIT"),
    Source("hpack", "MIT"),
    Source("httpx", "BSD-3-Clause"),
    Source("huggingface-hub", "Apache-2.0"),
    Source("identify", "MIT"),
    Source("import-linter", "BSD-2-Clause"),
    Source("importlib-metadata", "Apache-2.0"),
    Source("jinja2", "BSD-3-Clause", is_held_out=True),
    Source("litestar", "MIT"),
    Source("mako", "MIT"),
    Source("markdown-it-py", "MIT"),
    Source("modal", "Apache-2.0"),
    Source("mypy", "MIT"),
    Source("nodeenv", "BSD-3-Clause"),
    Source("openai", "Apache-2.0"),
    Source("packaging", "Apache-2.0"),
    Source("pillow", "MIT-CMU"),
    Source("platformdirs", "MIT"),
    Source("pluggy", "MIT"),
    Source("polyfactory", "MIT"),
    Source("pre-commit", "MIT"),
    Source("pyasn1", "BSD-2-Clause"),
    Source("pycparser", "BSD-3-Clause"),
    Source("pydantic", "MIT"),
    Source("pygments", "BSD-2-Clause"),
    Source("pyopenssl", "Apache-2.0"),
    Source("pypdf", "BSD-3-Clause", is_held_out=True),
    Source("pytest", "MIT"),
    Source("pytest-asyncio", "Apache-2.0"),
    Source("pytest-xdist", "MIT"),
    Source("python-discovery", "MIT"),
    Source("pyyaml", "MIT"),
    Source("requests", "Apache-2.0", is_held_out=True),
    Source("rich", "MIT"),
    Source("sortedcontainers", "Apache-2.0"),
    Source("sqlalchemy", "MIT"),
    Source("strawberry-graphql", "MIT"),
    Source("stripe", "MIT"),
    Source("synchronicity", "Apache-2.0"),
    Source("transformers", "Apache-2.0"),
    Source("typer", "MIT"),
    Source("urllib3", "MIT"),
    Source("uvicorn", "BSD-3-Clause"),
    Source("virtualenv", "MIT"),
    Source("webauthn", "BSD-3-Clause"),
    Source("websockets", "BSD-3-Clause", is_held_out=True),
    Source("yarl", "Apache-2.0"),
)
