"""The package's tests in other environments than the lock's: ``make versions``.

- oldest: every dependency at its lower bound in pyproject.toml, with the oldest Python
- lock: the versions of requirements.txt, with the oldest Python
- newest: whatever an installer takes today, with each Python

each with 64-bit floats off and on, without the tests marked slow and without what only the book
needs, on the package as it is published. ``nox -l`` lists the sessions;
``nox -s "oldest-3.11(x64=1)" -- tests/test_kernels.py`` runs one, on some tests. Environments lie
in .venvs/nox.
"""

import os
import time
import xml.etree.ElementTree
from pathlib import Path

import nox

from bookkit.environments import find_python
from bookkit.suite import package_tests

PYTHONS = ["3.11", "3.12", "3.13"]
ROWS = [("environment", "x64", "python", "jax", "numpy", "passed", "failed", "skipped", "seconds")]
x64 = nox.parametrize("x64", [0, 1], ids=["x64=0", "x64=1"])

nox.needs_version = ">=2026.1"
nox.options.default_venv_backend = "uv"
nox.options.envdir = ".venvs/nox"
nox.options.error_on_missing_interpreters = False
for version in PYTHONS:  # pyenv's shims hide Pythons that it has not switched on
    if found := find_python(version):
        os.environ["PATH"] = f"{Path(found).parent}{os.pathsep}{os.environ['PATH']}"


def check(session, x64, *options):
    """Install the dependencies as the options say and the package as a wheel; run its tests."""
    session.notify("table")
    folder = Path(session.create_tmp())
    session.install(*options, "--requirements", "pyproject.toml", "--extra", "neural-tangents")
    session.install("pytest")
    # By way of a source archive, or building would leave files in the tree.
    session.run("uv", "build", "--quiet", "--out-dir", str(folder), external=True)
    session.install("--no-deps", *map(str, folder.glob("*.whl")))
    code = (
        "import jax, numpy, platform;"
        "print(platform.python_version(), jax.__version__, numpy.__version__)"
    )
    versions = session.run("python", "-c", code, silent=True).split()

    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    began = time.monotonic()
    session.run(
        "pytest", "-q", "--no-header", "--tb=short", "-p", "no:cacheprovider",
        "--noconftest",  # which is for the chapters and needs their packages
        "-m", "not slow",
        "--override-ini=addopts=--import-mode=importlib --strict-markers",
        # An old Matplotlib beside today's pyparsing warns about itself.
        "--override-ini=filterwarnings=error\nignore::DeprecationWarning:matplotlib.*",
        f"--junitxml={report}", *(session.posargs or package_tests()),
        env={"JAX_ENABLE_X64": str(x64), "JAX_PLATFORMS": "cpu", "MPLBACKEND": "agg",
             "PYTHONPATH": "", "PYTHONNOUSERSITE": "1"},
        success_codes=range(6),
    )  # fmt: skip
    seconds = round(time.monotonic() - began)
    suite = next(xml.etree.ElementTree.parse(report).iter("testsuite")).attrib
    total, skipped = int(suite["tests"]), int(suite["skipped"])
    failed = int(suite["failures"]) + int(suite["errors"])
    name = session.name.partition("(")[0]
    ROWS.append((name, x64, *versions, total - failed - skipped, failed, skipped, seconds))
    if failed or failed + skipped == total:
        session.error("tests failed" if failed else "no test ran")


@nox.session(python=PYTHONS[:1])
@x64
def oldest(session, x64):
    """Every dependency at its lower bound."""
    check(session, x64, "--resolution", "lowest-direct")


@nox.session(python=PYTHONS[:1])
@x64
def lock(session, x64):
    """The versions of requirements.txt."""
    check(session, x64, "--constraints", "requirements.txt")


@nox.session(python=PYTHONS)
@x64
def newest(session, x64):
    """Whatever an installer takes today."""
    check(session, x64, "--upgrade")


@nox.session(python=False, default=False)
def table(session):
    """What passed where; runs after the others by itself."""
    rows = [list(map(str, row)) for row in ROWS]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(line.rstrip())
