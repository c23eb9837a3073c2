"""Imitate other machines: ``python -m bookkit machines [--only NAME] [CHAPTER ...]``.

Rounding depends on a processor's vector instructions and on the number of threads, and training
amplifies it. So the package's tests and the chapters run without the instructions that are newer
than SSE 4.2, then AVX 2, and then on one core; each chapter is compared with what is stored, as
`bookkit.comparison` compares. What differs is listed: such a number has to be printed with its
error, or to fewer digits. The exit code is 1 if anything differs.
"""

import argparse
import copy
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bookkit import chapters, comparison, execute, suite
from bookkit.words import say


class Machine(NamedTuple):
    """What makes this machine round like another one."""

    environment: Mapping[str, str]
    cores: int | None = None


MACHINES = {
    "SSE4.2": Machine({"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"}),
    "AVX2": Machine({"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}),
    "one-core": Machine(suite.ONE_THREAD, cores=1),
}


@contextmanager
def cores(count: int | None) -> Iterator[None]:
    """Keep what is started on some cores only, where the system can."""
    if count is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def package_problems(machine: Machine, precisions: Sequence[str] = ("0", "1")) -> list[str]:
    """In which precision the package's tests fail; pytest says how."""
    tests = ["-m", "not weekly and not slow", *suite.package_tests()]
    parts = [suite.Part(f"the package with {'64' if x64 == '1' else '32'}-bit floats", tests,
                        {**machine.environment, "JAX_ENABLE_X64": x64}) for x64 in precisions]
    with tempfile.TemporaryDirectory() as folder, cores(machine.cores):
        outcomes = suite.run([[part] for part in parts], Path(folder))
    return [f"{part.name}: a test failed" for part, found in zip(parts, outcomes, strict=True)
            if not found.fine]


def chapter_problems(machine: Machine, path: Path) -> list[str]:
    """How a chapter differs from what is stored, on this machine."""
    stored = chapters.read(path)
    fresh = copy.deepcopy(stored)
    with cores(machine.cores):
        seconds, wrong = execute.execute(fresh, path.parent, keep_going=True,
                                         environment=os.environ | dict(machine.environment))
    found = [*wrong, *comparison.differences(fresh, stored)]
    say(f"{chapters.name_of(path)}: {len(found)} differences, {seconds:.0f} s")
    return found


def main() -> int:
    """Run what the command line names on each imitated machine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=MACHINES, help="leave out the other machines")
    options = chapters.parsed(parser)
    found: list[str] = []
    try:
        for name, machine in MACHINES.items():
            if options.only in (None, name):
                say(f"\n{name} ({' '.join(machine.environment.values())})")
                problems = package_problems(machine) if options.all_chapters else []
                for path in options.chapter:
                    problems += [f"{chapters.name_of(path)}, {sentence}"
                                 for sentence in chapter_problems(machine, path)]
                found += [f"{name}: {sentence}" for sentence in problems]
    except KeyboardInterrupt:
        say("Interrupted; this is what was found until then.")
        found.append("not everything was run")
    print("\n".join(["", *found]) if found else "\nNothing differs.")
    return int(bool(found))
