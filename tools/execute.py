"""Execute chapters in place: ``python tools/execute.py [CHAPTER ...]``.

A chapter is named by its path below ``book/`` without the ending, such as
``gp_limit/random_networks``; without names, all are executed. What is stored afterwards
depends on the chapter and the lock alone: no timings, no machine, no widget state.
"""

import argparse
import math
import re
import resource
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

BOOK = Path(__file__).resolve().parent.parent / "book"
RUNTIME = re.compile(r"runs in about \d+ s\b")


def chapters(names=()):
    """The notebooks of these chapters, or of the whole book."""
    if not names:
        return sorted(p for p in BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
    paths = [BOOK / f"{name.removesuffix('.ipynb')}.ipynb" for name in names]
    for path in paths:
        if not path.exists():
            sys.exit(f"There is no chapter {path.relative_to(BOOK)}.")
    return paths


def run(path, *, allow_errors=False):
    """Execute a notebook; return it and the seconds that it took."""
    notebook = nbformat.read(path, as_version=4)

    def progress(cell, cell_index):
        if sys.stdout.isatty():
            print(f"\r  cell {cell_index + 1} of {len(notebook.cells)} ", end="", flush=True)

    client = NotebookClient(
        notebook,
        timeout=900,
        kernel_name="python3",
        allow_errors=allow_errors,
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--IPKernelApp.log_level=40"],
        on_cell_start=progress,
        resources={"metadata": {"path": str(path.parent)}},
    )
    start = time.perf_counter()
    client.execute()
    return notebook, time.perf_counter() - start


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
    for path in chapters(parser.parse_args().chapter):
        name = path.relative_to(BOOK).with_suffix("")
        print(f"{name}: executing …", flush=True)
        try:
            notebook, seconds = run(path)
        except CellExecutionError as error:
            sys.exit(f"{name}: a cell failed; nothing is stored.\n{error}")
        tidy(notebook, seconds)
        nbformat.validate(notebook)
        nbformat.write(notebook, path)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        print(f"\r{name}: executed in {seconds:.0f} s, at most {peak:.1f} GB so far")


if __name__ == "__main__":
    main()
