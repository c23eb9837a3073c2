"""Execute chapters under other seeds: ``python -m bookkit reseed [--seeds 5] [CHAPTER ...]``.

Prints, claim by claim, how often it held and with what spread. Stores nothing. The exit code
is 1 if a claim failed under any seed.
"""

import argparse
import os
import statistics
from collections import defaultdict

from bookkit import cards, chapters, runner


def errors(notebook):
    """What went wrong in an executed notebook, other than a claim that failed."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error" and output.ename != "ClaimError":
                yield f"{output.ename}: {output.evalue}"


def main():
    """Run the chapters that the command line names under several seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("chapter", nargs="*")
    arguments = parser.parse_args()
    measured, failures = defaultdict(list), []
    for path in chapters.paths(arguments.chapter):
        name = chapters.name_of(path)
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            notebook = chapters.read(path)
            environment = os.environ | {"INFINITE_WIDTH_SEED": str(seed)}
            seconds = runner.run(notebook, path.parent, environment=environment, allow_errors=True)
            print(f"{name}: seed {seed} ran in {seconds:.0f} s", flush=True)
            failures += [f"{name}, seed {seed}: {error}" for error in errors(notebook)]
            for card in cards.claims(notebook).values():
                measured[card.id].append(card)
    print(f"\n{'claim':<44} {'held':>6} {'mean':>12} {'sd':>10}")
    for id, results in measured.items():
        values = [card.value for card in results]
        held = sum(card.holds for card in results)
        spread = statistics.stdev(values) if len(values) > 1 else float("nan")
        print(f"{id:<44} {held:>3}/{len(results)} {statistics.mean(values):>12.5g} {spread:>10.3g}")
    incomplete = [id for id, results in measured.items() if not all(c.holds for c in results)]
    for failure in failures:
        print(failure)
    print(f"{len(measured) - len(incomplete)} of {len(measured)} claims held under every seed.")
    return 1 if incomplete or failures else 0
