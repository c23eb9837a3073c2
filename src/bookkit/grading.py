"""Run the notebooks that students hand in, and list which exercises pass.

    python -m bookkit grading FOLDER [--csv FILE]

Every notebook of the folder and its subfolders is executed from top to bottom in a fresh kernel
and in an empty folder; nothing is written to it. A cell that fails does not stop the rest. The
exercises are checked by the package as installed here, not by what the students saw. Notebooks
are programs: run those of people whom you do not trust in a container.
"""

import argparse
import csv
import re
import sys
import tempfile
from pathlib import Path

from nbclient.exceptions import CellTimeoutError, DeadKernelError

from bookkit import cards, runner
from bookkit.chapters import code_cells, read, tags

CALL = re.compile(r"""exercises\.check\(\s*["']([^"']+)["']""")
MARKS = {"ok": "✓", "wrong": "✗", "open": "○"}
MEANING = {"✓": "right", "✗": "wrong", "○": "open", "!": "did not run"}


def run(path, timeout):
    """Execute a notebook; return it as far as it came."""
    notebook = read(path)
    with tempfile.TemporaryDirectory() as folder:
        try:
            runner.run(notebook, Path(folder), timeout=timeout, allow_errors=True)
        except (CellTimeoutError, DeadKernelError) as error:
            print(f"  {path}: stopped, {type(error).__name__}", file=sys.stderr)
    return notebook


def marks(notebook):
    """The exercises of an executed notebook and their marks; our solutions do not count."""
    code = [cell for cell in code_cells(notebook) if "solution" not in tags(cell)]
    found = {id: "!" for cell in code for id in CALL.findall(cell.source)}
    return found | {id: MARKS[state] for id, state in cards.exercises({"cells": code}).items()}


def line(name, found):
    """A notebook's line of the table: how many exercises passed, and which did not."""
    rest = [f"{mark} {id}" for id, mark in found.items() if mark != "✓"]
    passed = f"{len(found) - len(rest)} of {len(found)}"
    return "  ".join([f"{name:40} {passed:>9}", *rest])


def main():
    """Grade the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--csv", type=Path, help="also write a table for spreadsheets")
    parser.add_argument("--timeout", type=int, default=600, help="seconds for one cell")
    arguments = parser.parse_args()
    paths = sorted(p for p in arguments.folder.rglob("*.ipynb") if "checkpoint" not in str(p))
    if not paths:
        sys.exit(f"There is no notebook in {arguments.folder}.")
    rows = []
    for path in paths:
        name, found = str(path.relative_to(arguments.folder)), marks(run(path, arguments.timeout))
        print(line(name, found), flush=True)
        rows += [(name, id, MEANING[mark]) for id, mark in found.items()]
    print(", ".join(f"{mark} {meaning}" for mark, meaning in MEANING.items()))
    if arguments.csv:
        with arguments.csv.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("notebook", "exercise", "result"), *rows])

