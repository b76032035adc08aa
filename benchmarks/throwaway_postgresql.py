"""A PostgreSQL cluster that is durable and thrown away: the one of the tests."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def _of_the_tests() -> Any:
    """The tests' conftest, by its file: plugins have a folder `tests` as well."""
    path = Path(__file__).parents[1] / "tests" / "conftest.py"
    spec = importlib.util.spec_from_file_location("skyhook_tests_conftest", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@contextmanager
def postgresql() -> Iterator[str]:
    """Runs a cluster that listens on a Unix socket only; the URL of an empty database."""
    folder = Path(tempfile.mkdtemp(prefix="skyhook-bench-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    tests = _of_the_tests()
    cluster, data = tests.Cluster(tests._binaries(), folder), str(folder / "data")
    try:
        cluster.run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        options = (
            f"-k {folder} -c listen_addresses= -c fsync=on -c synchronous_commit=on -c max_connections=400"
        )
        cluster.run("pg_ctl", "-D", data, "-l", str(folder / "log"), "-w", "-o", options, "start")
        cluster.sql("CREATE DATABASE bench")
        yield cluster.url("bench")
    finally:
        cluster.run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)
