"""Run the tests: ``python -m bookkit suite check|test [--jobs 2]``.

``check`` runs what answers in minutes: style, the package's tests in both precisions, and the
rules of chapters, all without the tests marked ``slow``. ``test`` adds those and the website, in a
browser if there is one, and runs every chapter. Both say at their end what was skipped and why.
Tests marked ``weekly`` guard against new releases only; ``pytest -m weekly`` runs them.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bookkit.chapters import ROOT
from bookkit.runner import with_cache

# One thread for each of several chapters side by side.
ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class Part(NamedTuple):
    """One process of pytest: its name, its arguments, its environment."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = {}


class Outcome(NamedTuple):
    """What became of a part."""

    fine: bool
    skipped: Counter


def package_tests() -> list[str]:
    """The package's own test files: ``tests/test_<module>.py`` for each of its modules."""
    modules = sorted((ROOT / "src" / "infinite_width").glob("*.py"))
    paths = (ROOT / "tests" / f"test_{module.stem}.py" for module in modules)
    return [str(path.relative_to(ROOT)) for path in paths if path.exists()]


def parts(kind: str, jobs: int) -> list[list[Part]]:
    """What runs side by side, one group after the other."""
    package = package_tests()
    others = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob("test_*.py")
                    if str(path.relative_to(ROOT)) not in package)
    left_out = "not chapter and not weekly" + (
        " and not slow and not site" if kind == "check" else "")
    machinery = "the machinery, the rules of chapters" + (
        " and the website" if kind == "test" else "")
    first = [
        Part("the package in float64", ["-m", left_out, *package], {"JAX_ENABLE_X64": "1"}),
        Part("the package in float32", ["-m", left_out, *package]),
        Part(machinery, ["-m", left_out, *others]),
    ]
    if kind == "check":
        return [first]
    side = ["-n", str(jobs)] if jobs > 1 else []
    chapters = Part("every chapter", ["-v", "-m", "chapter and not weekly", *side],
                    ONE_THREAD if jobs > 1 else {})
    return [first, [chapters]]


def start(part: Part, folder: Path, *, shown: bool) -> tuple[subprocess.Popen, Path, Path]:
    """Start a part, before people's eyes or with a log; its process, its report and its log."""
    name = part.name.replace(" ", "-").replace(",", "")
    report, log = folder / f"{name}.xml", folder / f"{name}.log"
    command = [sys.executable, "-m", "pytest", f"--junitxml={report}", *part.arguments]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT,
                                   env=with_cache(**part.environment),
                                   stdout=None if shown else output, stderr=subprocess.STDOUT)
    return process, report, log


def outcome(status: int, report: Path) -> Outcome:
    """Read a part's exit code and its report."""
    skipped = Counter()
    if report.exists():
        for case in xml.etree.ElementTree.parse(report).iter("skipped"):
            skipped[case.get("message", "").removeprefix("Skipped: ")] += 1
    return Outcome(status == 0, skipped)


def skips(outcomes: Sequence[Outcome]) -> str:
    """What was skipped and why, in a line."""
    total = sum((found.skipped for found in outcomes), Counter())
    if not total:
        return "Nothing was skipped."
    reasons = "; ".join(f"{count} ({reason})" for reason, count in sorted(total.items()))
    return f"Skipped: {reasons}."


def run(groups: Sequence[Sequence[Part]], folder: Path) -> list[Outcome]:
    """Run groups of parts, one after the other; the parts of a group side by side."""
    outcomes = []
    for group in groups:
        begun = time.monotonic()
        print("Testing " + "; side by side with it ".join(part.name for part in group) + " …",
              flush=True)
        running = [start(part, folder, shown=part is group[-1]) for part in group]
        try:
            for part, (process, report, log) in zip(group, running, strict=True):
                found = outcome(process.wait(), report)
                outcomes.append(found)
                if not found.fine:
                    print(log.read_text(), end="")
                mark, seconds = "✓" if found.fine else "✗", time.monotonic() - begun
                print(f"{mark} {part.name} ({seconds:.0f} s)", flush=True)
        finally:
            for process, *_ in running:
                if process.poll() is None:
                    process.terminate()
    return outcomes


def style() -> bool:
    """Whether the code's style is fine; ruff says what is not."""
    ruff = subprocess.run([Path(sys.executable).with_name("ruff"), "check", "--quiet", ROOT])
    print("✓ the style of the code" if ruff.returncode == 0 else "✗ the style of the code")
    return ruff.returncode == 0


def main() -> int:
    """Run what the command line names; exit code 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("check", "test"))
    parser.add_argument("--jobs", type=int, default=2, help="chapters that run side by side")
    options = parser.parse_args()
    begun = time.monotonic()
    if not style():
        return 1
    if options.kind == "test":
        from bookkit.site import fetch_chromium

        fetch_chromium()
    try:
        with tempfile.TemporaryDirectory() as folder:
            outcomes = run(parts(options.kind, options.jobs), Path(folder))
    except KeyboardInterrupt:
        print("\rInterrupted.")
        return 130
    fine = all(found.fine for found in outcomes)
    took = f"{(time.monotonic() - begun) / 60:.1f} minutes"
    print(f"{'All tests passed' if fine else 'Something failed; see above'}, in {took}. "
          f"{skips(outcomes)}")
    return int(not fine)
