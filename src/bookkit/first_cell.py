"""The cell that installs the package: ``python -m bookkit first_cell`` writes it into chapters.

This is its one source. In Colab, which has most of what the book needs, the cell installs the
rest and changes nothing; what the rest is follows from the package's requirements and from
`colab.toml`. Everywhere else pip installs what is missing. neural-tangents comes without its
requirements, because it asks for TensorFlow and does not need it.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from nbformat import NotebookNode
from packaging.requirements import Requirement

from bookkit import chapters, repository
from bookkit.chapters import ROOT
from bookkit.colab_versions import PINS
from bookkit.environments import name_of

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRA = PROJECT["project"]["optional-dependencies"].get("neural-tangents", [])
EXCLUDED = set(PROJECT["tool"]["uv"]["exclude-dependencies"])
INSTALL = re.compile(r'^REPOSITORY = "([^"]*)"', re.MULTILINE)
COMMIT = re.compile(r'^COMMIT = "([^"]*)"', re.MULTILINE)
CELL = """\
# Installs the book's package where it is missing; Colab's own jax, numpy and matplotlib stay.
import importlib.util
import subprocess
import sys

REPOSITORY = "{repository}"
COMMIT = "main"
PIP = [sys.executable, "-m", "pip", "install", "--quiet"]
if importlib.util.find_spec("infinite_width") is None:
    packages = [f"git+{{REPOSITORY}}@{{COMMIT}}"]
    if "google.colab" in sys.modules:
        packages += ["--no-deps", {rest}]
    subprocess.run([*PIP, *packages], check=True)
"""
MORE = """\
if importlib.util.find_spec("neural_tangents") is None:  # without TensorFlow
    subprocess.run([*PIP, "--no-deps", {extra}], check=True)
"""


def modules(notebook: NotebookNode) -> set[str]:
    """The modules that a notebook imports, with those that it imports from a package."""
    found = set()
    for cell in chapters.code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def missing(requirements: Iterable[str], have: Iterable[str]) -> list[str]:
    """What has to be installed where some packages are, the requirements' own included.

    Args:
        requirements: As in ``pyproject.toml``.
        have: The names of the packages that are there, with all that they require.
    """
    found: dict[str, str] = {}
    rest = [Requirement(text) for text in requirements]
    while rest:
        one = rest.pop()
        name = name_of(one.name)
        applies = one.marker is None or one.marker.evaluate({"extra": ""})
        if applies and name not in found and name not in {*have, *EXCLUDED}:
            pinned = str(one.specifier).startswith("==")
            found[name] = one.name + (str(one.specifier) if pinned else "")
            rest += map(Requirement, importlib.metadata.requires(name) or ())
    return sorted(found.values())


def cell(notebook: NotebookNode, address: str) -> str:
    """The first cell of a chapter.

    Args:
        notebook: The chapter, whose imports decide whether neural-tangents is needed.
        address: The address of the repository.
    """
    extra = {name_of(text) for text in EXTRA}
    core = [text for text in PROJECT["project"]["dependencies"] if name_of(text) not in extra]
    rest = missing(core, PINS["packages"])
    source = CELL.format(repository=address, rest=listed(rest))
    if "infinite_width.neural_tangents" in modules(notebook):
        known = {*PINS["packages"], *map(name_of, rest)}
        source += MORE.format(extra=listed(missing(EXTRA, known)))
    return source.rstrip("\n")


def listed(names: list[str]) -> str:
    """Names as the inside of a list."""
    return ", ".join(f'"{name}"' for name in names)


def at(source: str, commit: str) -> str:
    """The cell for the package at a commit."""
    return COMMIT.sub(f'COMMIT = "{commit}"', source)


def write(path: Path, address: str) -> bool:
    """Write a chapter's first cell, and nothing else of its file; whether it changed.

    Raises:
        ValueError: No cell, or more than one, installs the package.
    """
    data = json.loads(path.read_text("utf-8"))
    found = [c for c in data["cells"]
             if c["cell_type"] == "code" and INSTALL.search("".join(c["source"]))]
    if len(found) != 1:
        raise ValueError(f"{path.name}: expected one cell that installs the package; "
                         f"got {len(found)}")
    new = cell(chapters.read(path), address).splitlines(keepends=True)
    changed = found[0]["source"] != new
    if changed:
        found[0]["source"] = new
        path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return changed


def main() -> int:
    """Write the cell into the chapters that the command line names, or into all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for path in chapters.parsed(parser).chapter:
        changed = write(path, repository.configured())
        print(f"{chapters.name_of(path)}: {'written' if changed else 'as it was'}")
    return 0
