"""Execute chapters in place: ``python -m bookkit execute [CHAPTER ...]``.

A chapter is named by its path below ``book/`` without the ending, such as
``gp_limit/random_networks``; without names, all are executed. What is stored afterwards
depends on the chapter and the lock alone: no timings, no machine, no widget state. Prose and the
ids of cells stay as they are; ``--times`` alone rewrites the run time in the header.

The first cell that fails ends it, and nothing is stored of that chapter. With ``--keep-going``,
every cell of every chapter runs, and a chapter in which something failed is stored below
``_build/executed/``, where one can look at it; ``book/`` keeps what it had.
"""

import argparse
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from bookkit import cards, chapters, run_times, runner
from bookkit.words import say

COPIES = chapters.ROOT / "_build" / "executed"


def progress(index: int, count: int) -> None:
    """Say which cell runs, to somebody who watches."""
    if sys.stdout.isatty():
        print(f"\r  cell {index + 1} of {count} ", end="", flush=True)


def tidy(notebook: NotebookNode) -> None:
    """Keep what readers need; hand captions and alt texts to the website."""
    notebook.metadata = nbformat.from_dict(chapters.METADATA)
    for cell in chapters.code_cells(notebook):
        cell.metadata.pop("execution", None)
        cell.metadata.pop("mystnb", None)
        for output in cell.outputs:
            figure = output.get("metadata", {}).get("image/png")
            if figure and "caption" in figure:
                cell.metadata["mystnb"] = {
                    "figure": {"caption": figure["caption"], "name": figure["name"]},
                    "image": {"alt": figure["alt"]},
                }


def failures(notebook: NotebookNode) -> Iterator[str]:
    """What failed in an executed notebook: the cell, its first line, and what it said."""
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                said = f"{output.ename}: {output.evalue}"
            elif output.get("name") == "stderr":
                said = f"wrote to stderr: {output.text}"
            else:
                continue
            first = next(filter(None, map(str.strip, cell.source.splitlines())), "")
            yield f"cell {number} ({first[:60]}): {' '.join(said.split())[:400]}"


def execute(
    notebook: NotebookNode,
    folder: Path,
    *,
    keep_going: bool = False,
    environment: Mapping[str, str] | None = None,
) -> tuple[float, list[str]]:
    """Run a chapter as `runner.run` does; its seconds, and what failed, in sentences."""
    try:
        seconds = runner.run(notebook, folder, environment=environment, allow_errors=keep_going,
                             on_cell=progress)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return 0.0, list(failures(notebook)) or [" ".join(str(error).split())[:400]]
    return seconds, list(failures(notebook))


def summary(notebook: NotebookNode) -> str:
    """Which claims did not hold."""
    claims = cards.claims(notebook).values()
    failed = [card.id for card in claims if not card.holds]
    return f"{len(claims) - len(failed)} of {len(claims)} claims hold" + (
        f"; not {', '.join(failed)}" if failed else "")


def main() -> int:
    """Execute the chapters that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep-going", action="store_true", help="run to the end past failures")
    parser.add_argument("--times", action="store_true", help="store run times, write the headers")
    options = chapters.parsed(parser)
    if options.times:
        try:
            run_times.use_two_cores()
        except ValueError as error:
            sys.exit(str(error))
    paths, done, broken = options.chapter, 0, 0
    try:
        for path in paths:
            fine = _one(path, options)
            done, broken = done + fine, broken + (not fine)
            if broken and not options.keep_going:
                break
    except KeyboardInterrupt:
        left = " ".join(map(chapters.name_of, paths[done + broken:]))
        say(f"Interrupted; {done} of {len(paths)} chapters are executed and stored. To go on: "
            f'make execute CHAPTER="{left}"')
        return 130
    return int(broken > 0)


def _one(path: Path, options: argparse.Namespace) -> bool:
    """Execute a chapter, store it, and say what came of it; whether all was well."""
    name, notebook = chapters.name_of(path), chapters.read(path)
    say(f"{name}: executing …")
    before = run_times.yardstick()
    seconds, wrong = execute(notebook, path.parent, keep_going=options.keep_going,
                             environment=runner.without_cache() if options.times else None)
    if wrong:
        say("\n  ".join([f"{name}: failed", *wrong]))
        if options.keep_going:
            tidy(notebook)
            copy = COPIES / f"{name}.ipynb"
            copy.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, copy)
            say(f"  {summary(notebook)}.\n  What ran is in {copy.relative_to(chapters.ROOT)}; "
                "the chapter keeps its old outputs.")
        else:
            say("  Nothing is stored. KEEP_GOING=1 runs to the end and keeps a copy.")
        return False
    tidy(notebook)
    found = run_times.RunTime(seconds, (before + run_times.yardstick()) / 2)
    if options.times:
        run_times.store(name, found)
        run_times.write_header(notebook, run_times.load()[name])  # as the rule reads it
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    say(f"{name}: executed in {seconds:.0f} s ({found.header.removeprefix('about ')}), at most "
        f"{peak:.1f} GB so far; {summary(notebook)}")
    return True
