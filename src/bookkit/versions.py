"""Test the package with the oldest, the locked and the newest jax.

Makes one environment after the other in .venvs/, with every Python from 3.11 to 3.13 that is
installed, runs the package's tests in it with 64-bit floats off and on, and prints a table:

- oldest: every dependency at its lower bound in pyproject.toml, with the oldest Python
- lock: the versions of requirements.txt, with the oldest Python
- newest: whatever pip takes today, with each Python

    python -m bookkit versions [--only oldest|lock|newest] [--keep] [TEST ...]
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import xml.etree.ElementTree
from pathlib import Path

from bookkit.chapters import ROOT
from bookkit.environments import (
    HOME,
    Failure,
    find_python,
    installed_versions,
    name_of,
    run,
    say,
)

PYTHONS = ("3.11", "3.12", "3.13")
TOOLS = ("pytest", "nbformat")  # what the package's tests need besides the package
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# Installed without its own dependencies, of which those that are excluded stay out.
PARTIAL = "neural-tangents"
EXCLUDED = PROJECT["tool"]["uv"]["exclude-dependencies"]


def make_environment(folder, python, kind):
    """An environment with the package and what it needs; the path of its Python."""
    run(python, "-m", "venv", "--clear", folder)
    inside = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = (inside, "-m", "pip", "install", "--quiet")

    wanted = PROJECT["project"]["dependencies"]
    run(*pip, "--no-deps", *(r for r in wanted if name_of(r) == PARTIAL))
    code = f"import importlib.metadata as m; print(*m.requires({PARTIAL!r}), sep='\\n')"
    own = [r for r in run(inside, "-c", code).splitlines() if "extra ==" not in r]
    own = [r for r in own if name_of(r) not in EXCLUDED]
    wanted = [r for r in wanted if name_of(r) != PARTIAL]
    if kind == "oldest":
        wanted = [re.sub(r">=([\d.]+)$", r">=\1,<\1.1", r) for r in wanted]  # 0.7 is 0.7.0
    lock = ["--constraint", ROOT / "requirements.txt"] if kind == "lock" else []
    run(*pip, *wanted, *own, *TOOLS, *lock)

    with tempfile.TemporaryDirectory() as copy:  # building leaves files behind
        shutil.copytree(ROOT / "src", Path(copy, "src"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            if (ROOT / name).exists():
                shutil.copy(ROOT / name, copy)
        run(*pip, "--no-deps", copy)
    return inside


def test(python, tests, x64):
    """Run pytest; numbers of passed, failed and skipped tests, and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        environment |= {
            "JAX_ENABLE_X64": str(x64),
            "JAX_PLATFORMS": "cpu",
            "MPLBACKEND": "agg",
            "PYTHONNOUSERSITE": "1",
        }
        # conftest.py and the usual options are for the chapters, which need more packages.
        options = ["-q", "--no-header", "--tb=short", "-p", "no:cacheprovider", "--noconftest"]
        options += ["-o", "addopts=--import-mode=importlib --strict-markers"]
        # An old Matplotlib beside today's pyparsing warns about itself.
        options += ["-o", "filterwarnings=error\nignore::DeprecationWarning:matplotlib.*"]
        start = time.monotonic()
        result = subprocess.run(
            [python, "-m", "pytest", *options, f"--junitxml={report}", *tests],
            cwd=ROOT,
            env=environment,
        )
        seconds = time.monotonic() - start
        if not report.exists():
            return 0, 1, 0, seconds
        suite = next(xml.etree.ElementTree.parse(report).iter("testsuite")).attrib
    total, skipped = int(suite["tests"]), int(suite["skipped"])
    failed = int(suite["failures"]) + int(suite["errors"])
    return total - failed - skipped, max(failed, int(result.returncode != 0)), skipped, seconds


def package_tests():
    """tests/test_<module>.py for each module of the package."""
    modules = sorted((ROOT / "src" / PROJECT["project"]["name"].replace("-", "_")).glob("*.py"))
    paths = (ROOT / "tests" / f"test_{module.stem}.py" for module in modules)
    return [str(path.relative_to(ROOT)) for path in paths if path.exists()]


def table(rows):
    """Rows of text in columns."""
    head = ("kind", "python", "jax", "numpy", "x64", "passed", "failed", "skipped", "seconds")
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def main():
    """Test all environments; exit code 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tests", nargs="*", metavar="TEST", help="instead of the package's tests")
    parser.add_argument("--only", choices=("oldest", "lock", "newest"), help="leave out the others")
    parser.add_argument("--keep", action="store_true", help="keep the environments in .venvs/")
    options = parser.parse_args()
    tests = options.tests or package_tests()
    if not tests:
        sys.exit("There are no tests to run.")

    pythons = {version: find_python(version) for version in PYTHONS}
    for version, python in pythons.items():
        say(f"Python {version}: {python or 'not installed, left out'}")
    pythons = {version: python for version, python in pythons.items() if python}
    if not pythons:
        sys.exit(f"None of Python {', '.join(PYTHONS)} is installed.")
    oldest = next(iter(pythons))
    plan = [("oldest", oldest), ("lock", oldest), *(("newest", version) for version in pythons)]
    plan = [(kind, version) for kind, version in plan if options.only in (None, kind)]

    rows, known, failed = [], {}, False
    for number, (kind, version) in enumerate(plan, 1):
        title = f"[{number}/{len(plan)}] Python {version}, {kind}"
        folder = HOME / f"{kind}-{version}"
        say(f"\n{title}: installing …")
        try:
            python = make_environment(folder, pythons[version], kind)
            packages = installed_versions(python)
            cells = (kind, version, packages["jax"], packages["numpy"])
            twin = next((k for k, v in known.items() if v == (version, packages)), None)
            if twin:
                say(f"{title}: the same packages as {twin}, already tested")
                continue
            known[kind] = (version, packages)
            for x64 in (0, 1):
                say(f"{title}: jax {cells[2]}, numpy {cells[3]}, 64-bit floats {x64}: testing …")
                passed, wrong, skipped, seconds = test(python, tests, x64)
                failed |= wrong > 0
                counts = (x64, passed, wrong, skipped, round(seconds))
                rows.append((*cells, *map(str, counts)))
        except Failure as failure:
            say(f"{title}: the installation failed:\n{failure}")
            failed = True
            rows.append((kind, version, "-", "-", "-", "-", "install", "-", "-"))
        finally:
            if not options.keep:
                shutil.rmtree(folder, ignore_errors=True)
    if not options.keep and HOME.exists() and not any(HOME.iterdir()):
        HOME.rmdir()

    say(f"\n{table(rows)}\n")
    say("Something failed; see above." if failed else "No test failed in any environment.")
    return int(failed)

