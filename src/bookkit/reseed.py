"""Execute chapters under other seeds: ``python -m bookkit reseed [--seeds 5] [CHAPTER ...]``.

Prints, claim by claim, how often it held, with what mean and what spread over the seeds, beside
the mean of the errors that the chapter states, and then what failed under which seed. Stores
nothing but what XLA compiled, so that the second seed and all later ones need a part of the time.
The exit code is 1 if a claim failed under any seed. An interruption ends with the table of what
was measured until then.
"""

import argparse
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from bookkit import cards, chapters, execute, runner
from bookkit.words import say
from infinite_width import claims

HEAD = f"{'claim':<44} {'held':>6} {'mean':>12} {'sd':>10} {'error':>10}"


def run(path: Path, seed: int) -> tuple[float, list[cards.Measurement], list[str]]:
    """Run a chapter under a seed: its seconds, its claims' measurements, and what else failed."""
    notebook = chapters.read(path)
    environment = runner.with_cache(INFINITE_WIDTH_SEED=str(seed), INFINITE_WIDTH_CLAIMS="record")
    seconds, wrong = execute.execute(notebook, path.parent, keep_going=True,
                                     environment=environment)
    return seconds, list(cards.claims(notebook).values()), wrong


def row(id: str, found: Sequence[cards.Measurement]) -> str:
    """A claim's line of the table."""
    values = [card.value for card in found]
    errors = [card.error for card in found if card.error is not None]
    spread = f"{statistics.stdev(values):.3g}" if len(values) > 1 else "–"
    error = f"{statistics.mean(errors):.3g}" if errors else "–"
    held = f"{sum(card.holds for card in found)}/{len(found)}"
    return f"{id:<44} {held:>6} {statistics.mean(values):>12.5g} {spread:>10} {error:>10}"


def table(measured: Mapping[str, Sequence[cards.Measurement]]) -> str:
    """What was measured, claim by claim, and how many held every time."""
    fine = sum(all(card.holds for card in found) for found in measured.values())
    rows = [row(*item) for item in measured.items()]
    last = f"{fine} of {len(measured)} claims held under every seed."
    return "\n".join([HEAD, *rows, last])


def main() -> int:
    """Run the chapters that the command line names under several seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    options = chapters.parsed(parser)
    measured: dict[str, list[cards.Measurement]] = {}
    failures, status = [], 0
    try:
        for path in options.chapter:
            name = chapters.name_of(path)
            for seed in range(options.first, options.first + options.seeds):
                seconds, found, wrong = run(path, seed)
                say(f"{name}: seed {seed} ran in {seconds:.0f} s")
                failures += [f"{name}, seed {seed}: {sentence}" for sentence in wrong]
                for card in found:
                    measured.setdefault(card.id, []).append(card)
                    if not card.holds:
                        failures.append(f"{name}, seed {seed}: {card.id} is {card.outcome} at "
                                        f"{claims.number(card.value, card.error)}")
    except KeyboardInterrupt:
        say("Interrupted; this is what was measured until then.")
        status = 130
    print("\n".join(["", table(measured), *failures]))
    held = all(card.holds for found in measured.values() for card in found)
    return status or int(not held or bool(failures))
