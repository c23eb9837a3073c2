"""How long chapters run, in a measure that other machines share.

A chapter's seconds say something about one machine only. So ``make execute`` also times a fixed
piece of work, the yardstick, before and after each chapter. What a chapter takes in yardsticks
depends little on the machine, nor on what else the machine does; times the yardsticks of a fast
and of a slow machine it gives the range in the header of the chapter. ``make execute TIMES=1``
measures on two cores, stores the numbers in ``book/run_times.toml`` and writes the headers.
"""

import math
import os
import re
import time
import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from nbformat import NotebookNode

from bookkit.chapters import BOOK

FILE = BOOK / "run_times.toml"
# Seconds of the yardstick on the fastest machine on which the book has been tried, quiet, where
# the times were measured last, and on the slowest.
FAST, SLOW = 0.27, 1.35
HEADER = re.compile(r"(?<=the notebook runs in )about \d+(?:–\d+)? s on two cores")
HEAD = "# Written by `make execute TIMES=1`: a chapter's seconds beside those of the yardstick.\n"


class RunTime(NamedTuple):
    """A chapter's seconds, beside those of the yardstick on the same machine."""

    seconds: float
    yardstick: float

    @property
    def range(self) -> tuple[int, int]:
        """Seconds on a fast and on a slow machine, rounded outwards."""
        relative = self.seconds / self.yardstick
        return 5 * math.floor(relative * FAST / 5) or 1, 10 * math.ceil(relative * SLOW / 10)

    @property
    def header(self) -> str:
        """What the chapter's header says."""
        return "about {}–{} s on two cores".format(*self.range)


def yardstick() -> float:
    """Seconds that a fixed loop on one core and a fixed matrix product on all of them take."""
    matrix = np.random.default_rng(0).normal(size=(1500, 1500))
    start = time.perf_counter()
    total = 0
    for number in range(3_000_000):
        total += number * number % 7
    for _ in range(3):
        matrix @ matrix
    return time.perf_counter() - start


def use_two_cores() -> None:
    """Keep this process and the kernels that it starts on two cores, where that can be said.

    Raises:
        ValueError: There are fewer.
    """
    if (os.cpu_count() or 1) < 2:
        raise ValueError("expected a machine of two cores or more, to measure run times on two")
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < 2:
            raise ValueError(f"expected two cores to measure run times on; got {len(allowed)}")
        os.sched_setaffinity(0, allowed[:2])


def load() -> dict[str, RunTime]:
    """The stored times, by chapter."""
    if not FILE.exists():
        return {}
    stored = tomllib.loads(FILE.read_text("utf-8"))
    return {name: RunTime(entry["seconds"], entry["yardstick"]) for name, entry in stored.items()}


def store(name: str, found: RunTime) -> None:
    """Put one chapter's time into the file."""
    stored = tomllib.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    stored[name] = {"seconds": round(found.seconds, 1), "yardstick": round(found.yardstick, 2),
                    "date": date.today()}
    FILE.write_text(HEAD + "".join(_entry(*item) for item in sorted(stored.items())), "utf-8")


def _entry(name: str, values: Mapping[str, Any]) -> str:
    return f'\n["{name}"]\n' + "".join(f"{key} = {value}\n" for key, value in values.items())


def headers(notebook: NotebookNode) -> list[str]:
    """Each run time that a notebook's prose gives, as it stands there."""
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    return HEADER.findall(prose)


def write_header(notebook: NotebookNode, found: RunTime) -> None:
    """Write the range into the chapter's header."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = HEADER.sub(found.header, cell.source)


def problems(name: str, notebook: NotebookNode, times: Mapping[str, RunTime]) -> list[str]:
    """What is wrong with the run time in a chapter's header, as sentences."""
    if name not in times:
        return [f"the run time of {name} was never measured; run make execute TIMES=1"]
    found, expected = headers(notebook), times[name].header
    return [] if found == [expected] else [f"the header gives the run times {found}, not "
                                           f"[{expected!r}]; run make execute TIMES=1"]
