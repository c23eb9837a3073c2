"""Build the site once for all tests that look at it."""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent


class Build(NamedTuple):
    """What became of a build: its exit code, its warnings, and where the site is."""

    status: int
    messages: str
    folder: Path


@cache
def build(seed: int = 0) -> Build:
    """Build the site as `make book` does, into a folder of its own.

    Args:
        seed: Of Python's hashes, on which nothing that is built may depend.
    """
    out = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    command = [sys.executable, "-W", "ignore::SyntaxWarning"]
    command += [Path(sys.executable).with_name("jupyter-book"), "build", ROOT]
    command += ["--path-output", out, "--all", "--nitpick", "--warningiserror", "--keep-going"]
    run = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": str(seed)},
    )
    lines = re.sub(r"\x1b\[[0-9;]*m", "", run.stdout + run.stderr).splitlines()
    warnings = [line for line in lines if re.search(r"WARNING|ERROR|CRITICAL", line)]
    return Build(run.returncode, "\n".join(warnings or lines[-40:]), out / "_build" / "html")


def editions() -> Path:
    """The folder of the editions in a built site."""
    if build().status:
        pytest.fail("the site does not build: tests/test_site.py says why", pytrace=False)
    return build().folder / "editions"
