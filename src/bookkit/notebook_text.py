"""Notebooks as text for git: ``git diff`` shows what people read, and merges go cell by cell.

    python -m bookkit notebook_text --configure          what `make hooks` does, once for a clone
    python -m bookkit notebook_text NOTEBOOK             the text that git compares
    python -m bookkit notebook_text --merge BASE OURS THEIRS

The text has each cell's id, tags and source, and what it printed: claims' cards as well, so that
a review sees which measurement moved. Pictures and HTML are left out.

The merge goes by the ids of cells. Where both sides changed one cell, its lines are merged as git
merges lines; what cannot be settled stays in that cell between git's marks, in a notebook that
still opens. Outputs are ours where there are any, and have to be made again by ``make execute``.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from bookkit.chapters import ROOT, read, tags

COMMAND = ".venv/bin/python -m bookkit notebook_text"
CONFIGURATION = {
    "diff.notebook.textconv": COMMAND,
    "diff.notebook.cachetextconv": "true",
    "merge.notebook.name": "merges notebooks cell by cell",
    "merge.notebook.driver": f"{COMMAND} --merge %O %A %B",
}


def lines(notebook: NotebookNode) -> Iterator[str]:
    """The text of a notebook, line by line."""
    for cell in notebook.cells:
        yield " ".join(["# %%", f"[{cell.cell_type}]", cell.get("id", ""), *tags(cell)]).rstrip()
        yield from cell.source.splitlines()
        for output in cell.get("outputs", []):
            said = output.get("text") or output.get("data", {}).get("text/plain", "")
            if output.output_type == "error":
                said = f"{output.ename}: {output.evalue}"
            yield from (f"#> {line}" for line in said.splitlines())
        yield ""


def merge_lines(base: str, ours: str, theirs: str, *options: str) -> tuple[str, bool]:
    """What git makes of three versions of a text, and whether it had to leave marks."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("ours", "base", "theirs")]
        for path, text in zip(paths, (ours, base, theirs), strict=True):
            path.write_text(text if text.endswith("\n") or not text else f"{text}\n", "utf-8")
        run = subprocess.run(["git", "merge-file", "-p", "--diff3", "-L", "ours", "-L", "before",
                              "-L", "theirs", *options, *map(str, paths)],
                             capture_output=True, text=True, encoding="utf-8", cwd=folder)
    if run.returncode < 0 or run.returncode > 127:
        raise OSError(f"git merge-file failed: {run.stderr.strip()}")
    return run.stdout.removesuffix("\n"), run.returncode > 0


def merge(
    base: NotebookNode, ours: NotebookNode, theirs: NotebookNode
) -> tuple[NotebookNode, list[str]]:
    """Merge three versions of a notebook; the cells that need a person, by id."""
    sides = [{cell["id"]: cell for cell in notebook.cells} for notebook in (base, ours, theirs)]
    # Cells that both sides added at one place all stay, ours first.
    order, _ = merge_lines(*("\n".join(side) for side in sides), "--union")
    merged, unsettled = ours.copy(), []
    merged.cells = []
    for id in dict.fromkeys(order.splitlines()):
        old, mine, other = (side.get(id) for side in sides)
        present = [cell for cell in (mine, other) if cell is not None]
        cell = present[0].copy()
        if len(present) == 2:
            source = old.source if old is not None else ""
            cell.source, marks = merge_lines(source, mine.source, other.source)
            if old is not None and mine.metadata == old.metadata:
                cell.metadata = other.metadata
            unsettled += [id] if marks else []
        merged.cells.append(cell)
    # A cell that one side deleted and the other changed is a person's to decide.
    for id, old in sides[0].items():
        left = [side[id] for side in sides[1:] if id in side]
        if len(left) == 1 and left[0].source != old.source:
            unsettled.append(id)
            if id not in order.splitlines():
                merged.cells.append(left[0])
    return merged, unsettled


def main() -> int:
    """Do what the command line says; exit code 1 if a merge needs a person."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="*", type=Path)
    parser.add_argument("--merge", action="store_true")
    parser.add_argument("--configure", action="store_true")
    options = parser.parse_args()
    if options.configure:
        for key, value in CONFIGURATION.items():
            subprocess.run(["git", "-C", str(ROOT), "config", key, value], check=True)
        return 0
    if options.merge:
        if len(options.path) != 3:
            parser.error("--merge takes three notebooks: base, ours, theirs")
        merged, unsettled = merge(*map(read, options.path))
        nbformat.write(merged, options.path[1])
        if unsettled:
            print(f"Cells to settle by hand: {', '.join(unsettled)}", file=sys.stderr)
        return int(bool(unsettled))
    for path in options.path:
        print("\n".join(lines(read(path))))
    return 0
