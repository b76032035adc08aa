"""What the layout of the repository must keep."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

from skyhook.app import compose_schema
from skyhook.graphql.export import export_schema
from skyhook.plugins.host import PluginHost

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "transformers", "openai", "huggingface_hub", "c2pa", "webauthn")


def test_the_folder_platform_never_shadows_the_standard_library() -> None:
    # An __init__.py, a conftest or a test there would make Python or pytest take it for `platform`.
    assert not list((ROOT / "platform").glob("*.py"))
    assert platform.python_version()


def test_the_server_starts_without_what_only_some_calls_need() -> None:
    code = (
        "import sys; from skyhook.app import load_plugins; assert load_plugins().loaded;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_exported_schema_is_that_of_the_code() -> None:
    exported = export_schema(compose_schema(PluginHost.discover()))
    assert (ROOT / "schema.graphql").read_text() == exported, "run `make schema`"
