"""Execute chapters under other seeds: ``python tools/reseed.py [--seeds 5] [CHAPTER ...]``.

Prints, claim by claim, how often it held and with what spread. Stores nothing. The exit code
is 1 if a claim failed under any seed.
"""

import argparse
import os
import re
import statistics
import sys
from collections import defaultdict

from execute import BOOK, chapters, run

CARD = re.compile(r"(?P<mark>[✓✗]) (?P<id>[\w-]+): measured (?P<value>[−\d.e+-]+)")


def cards(notebook):
    """(id, value, whether it held) for every claim card in an executed notebook."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            found = CARD.match(output.get("data", {}).get("text/plain", ""))
            if found:
                yield found["id"], float(found["value"].replace("−", "-")), found["mark"] == "✓"


def errors(notebook):
    """What went wrong in an executed notebook, other than a claim that failed."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error" and output.ename != "ClaimError":
                yield f"{output.ename}: {output.evalue}"


def main():
    """Run the chapters that the command line names under several seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("chapter", nargs="*")
    arguments = parser.parse_args()
    measured, failures = defaultdict(list), []
    for path in chapters(arguments.chapter):
        name = path.relative_to(BOOK).with_suffix("")
        for seed in range(1, arguments.seeds + 1):
            os.environ["INFINITE_WIDTH_SEED"] = str(seed)
            notebook, seconds = run(path, allow_errors=True)
            print(f"{name}: seed {seed} ran in {seconds:.0f} s", flush=True)
            failures += [f"{name}, seed {seed}: {error}" for error in errors(notebook)]
            for id, value, held in cards(notebook):
                measured[id].append((value, held))
    print(f"\n{'claim':<44} {'held':>6} {'mean':>12} {'sd':>10}")
    for id, results in measured.items():
        values = [value for value, _ in results]
        held = sum(ok for _, ok in results)
        spread = statistics.stdev(values) if len(values) > 1 else float("nan")
        print(f"{id:<44} {held:>3}/{len(results)} {statistics.mean(values):>12.5g} {spread:>10.3g}")
    incomplete = [id for id, results in measured.items() if not all(ok for _, ok in results)]
    for failure in failures:
        print(failure)
    print(f"{len(measured) - len(incomplete)} of {len(measured)} claims held under every seed.")
    sys.exit(1 if incomplete or failures else 0)


if __name__ == "__main__":
    main()
