"""Pythons of this machine, and environments made with them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bookkit.chapters import ROOT

HOME = ROOT / ".venvs"
CLEAN = ("PYTHONPATH", "PYTHONHOME")  # what would let another environment see ours


class Failure(Exception):
    """An environment could not be made."""


def clean_environment() -> dict[str, str]:
    """The variables of this process, without those that show its packages to other Pythons."""
    return {k: v for k, v in os.environ.items() if k not in CLEAN}


def run(*command: object) -> str:
    """The output of a command, or `Failure` with its last lines."""
    environment = clean_environment()
    result = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONNOUSERSITE": "1"},
    )
    if result.returncode:
        raise Failure("\n".join(result.stdout.splitlines()[-15:]))
    return result.stdout.strip()


def name_of(requirement: str) -> str:
    """The normalised name of the package that a requirement asks for."""
    return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-").replace(".", "-")


def candidates(version: str) -> Iterator[str]:
    """Files that may be this Python: by name on PATH, those behind pyenv's shims, this one."""
    for name in (f"python{version}", "python3", "python"):
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            found = shutil.which(name, path=folder)
            if found is None:
                continue
            yield found
            if Path(folder).name == "shims":  # runs only versions that pyenv has switched on
                installed = (Path(folder).parent / "versions").glob(f"{version}.*/bin/{name}")
                yield from map(str, sorted(installed, reverse=True))
    yield sys.executable


def find_python(version: str) -> str | None:
    """The first candidate that runs, is this version and can make environments."""
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    for candidate in candidates(version):
        try:
            if run(candidate, "-c", code) == version:
                return candidate
        except (Failure, OSError):
            continue
    return None


def installed_versions(python: str | Path) -> dict[str, str]:
    """Names and versions of all packages in an environment."""
    lines = run(python, "-m", "pip", "list", "--format=freeze").splitlines()
    return {name_of(line): line.partition("==")[2] for line in lines if "==" in line}
