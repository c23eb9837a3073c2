"""Execute chapters in place: ``python -m bookkit execute [CHAPTER ...]``.

A chapter is named by its path below ``book/`` without the ending, such as
``gp_limit/random_networks``; without names, all are executed. What is stored afterwards
depends on the chapter and the lock alone: no timings, no machine, no widget state.
"""

import argparse
import math
import re
import resource
import sys

import nbformat
from nbclient.exceptions import CellExecutionError

from bookkit import chapters, runner

RUNTIME = re.compile(r"runs in about \d+ s\b")


def progress(index, count):
    """Say which cell runs, to somebody who watches."""
    if sys.stdout.isatty():
        print(f"\r  cell {index + 1} of {count} ", end="", flush=True)


def tidy(notebook, seconds):
    """Keep what readers need; hand captions and alt texts to the website."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for index, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{index:03d}"
        if cell.cell_type == "markdown":
            rounded = 5 * math.ceil(seconds / 5)
            cell.source = RUNTIME.sub(f"runs in about {rounded} s", cell.source)
            continue
        cell.metadata.pop("execution", None)
        cell.metadata.pop("mystnb", None)
        for output in cell.outputs:
            if output.get("name") == "stderr":
                sys.exit(f"A cell wrote to stderr:\n{cell.source}\n\n{output.text}")
            figure = output.get("metadata", {}).get("image/png")
            if figure and "caption" in figure:
                cell.metadata["mystnb"] = {
                    "figure": {"caption": figure["caption"], "name": figure["name"]},
                    "image": {"alt": figure["alt"]},
                }


def main():
    """Execute the chapters that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapter", nargs="*")
    for path in chapters.paths(parser.parse_args().chapter):
        name, notebook = chapters.name_of(path), chapters.read(path)
        print(f"{name}: executing …", flush=True)
        try:
            seconds = runner.run(notebook, path.parent, on_cell=progress)
        except CellExecutionError as error:
            sys.exit(f"{name}: a cell failed; nothing is stored.\n{error}")
        tidy(notebook, seconds)
        nbformat.validate(notebook)
        nbformat.write(notebook, path)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        print(f"\r{name}: executed in {seconds:.0f} s, at most {peak:.1f} GB so far")

