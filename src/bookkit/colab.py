"""Run the Colab edition of chapters as Colab would: ``python -m bookkit colab [CHAPTER ...]``.

In .venvs/colab, an environment of its own, stand the versions of `colab.toml` and a module
``google.colab``, and not the book's package. Each notebook is run in an empty folder, from top to
bottom; its first cell has to install the package, from a copy of this checkout, without changing
any version that was there. Every claim has to hold.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nbclient.exceptions import CellExecutionError

from bookkit import cards, first_cell, runner
from bookkit.chapters import ROOT, read
from bookkit.colab_versions import PINS
from bookkit.environments import (
    HOME,
    Failure,
    clean_environment,
    find_python,
    installed_versions,
    run,
)
from bookkit.words import say

PYTHONS = (PINS["python"], "3.12")  # Colab's own first
COLAB = PINS["packages"]
BESIDES = ("setuptools<81",)
# Colab imports this before a notebook's first cell; jax then asks for the module's `output`.
IMITATION = """\
import sys, types; colab = sys.modules["google.colab"] = types.ModuleType("google.colab"); \
colab.output = types.ModuleType("google.colab.output")
"""


def python():
    """A Python that Colab may have; None if there is none on this machine."""
    return next(filter(None, map(find_python, PYTHONS)), None)


def environment(folder=HOME / "colab"):
    """Make the environment, unless it is there; the path of its Python.

    Raises:
        Failure: A Python that Colab may have is missing, or a version cannot be installed.
    """
    wanted = [f"{name}=={version}" for name, version in COLAB.items()] + list(BESIDES)
    base = python()
    if base is None:
        raise Failure(f"none of Python {', '.join(PYTHONS)} is installed")
    inside, stamp = folder / "bin/python", folder / "colab"
    text = "\n".join([run(base, "-V"), IMITATION, *wanted])
    mark = hashlib.sha256(text.encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text().split()[:1] == [mark]):
        say(f"Setting up {folder.relative_to(ROOT)} with {run(base, '-V')} and Colab's versions …")
        run(base, "-m", "venv", "--clear", folder)
        run(inside, "-m", "pip", "install", "--quiet", *wanted)
        packages = run(inside, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        Path(packages, "colab.pth").write_text(IMITATION)
        own = (f"{name}=={version}" for name, version in installed_versions(inside).items())
        stamp.write_text("\n".join([mark, *own]))
    restore(inside)
    found = installed_versions(inside)
    if wrong := {n: found.get(n) for n, v in COLAB.items() if found.get(n) != v}:
        raise Failure(f"the environment has other versions than Colab: {wrong}")
    return inside


def restore(python):
    """Undo what the last notebook installed."""
    stamp = (python.parent.parent / "colab").read_text().split()[1:]
    own = dict(line.split("==") for line in stamp)
    found = installed_versions(python)
    if added := sorted(set(found) - set(own)):
        run(python, "-m", "pip", "uninstall", "--yes", "--quiet", *added)
    if changed := [f"{n}=={v}" for n, v in own.items() if found.get(n) != v]:
        run(python, "-m", "pip", "install", "--quiet", "--no-deps", *changed)


def repository(folder):
    """A git repository of the package as it is here, committed or not: address and commit."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    who = ("-c", "user.name=Colab", "-c", "user.email=colab@localhost", "-c", "commit.gpgSign=no")
    for command in ("init --quiet", "add --all", "commit --quiet --message checkout"):
        run("git", "-C", folder, *who, *command.split())
    return f"file://{folder}", run("git", "-C", folder, "rev-parse", "HEAD")


def execute(notebook, python, address, *, allow_errors=False):
    """Run a notebook whose first cell installs from this place; its outputs are new."""
    first, (repository, commit) = notebook.cells[0], address
    source, count = first_cell.INSTALL.subn(f'REPOSITORY = "{repository}"', first.source)
    if count != 1:
        raise Failure("the first cell does not install the package")
    first.source = first_cell.at(source, commit)
    with tempfile.TemporaryDirectory() as empty:
        runner.run(notebook, Path(empty), python=python, allow_errors=allow_errors,
                   environment=clean_environment())
    return notebook


def claims(notebook):
    """The claims whose cards a notebook shows, and whether they hold."""
    return {card.id: card.holds for card in cards.claims(notebook).values()}


def check(path, python, address):
    """Run one notebook; the claims that held, the seconds it took, and what went wrong."""
    restore(python)
    before = installed_versions(python)
    stored = read(path)
    expected, faults, start = set(claims(stored)), [], time.monotonic()
    if "infinite-width" in before:
        faults.append("the package was there before the first cell ran")
    try:
        execute(stored, python, address)
    except CellExecutionError as error:
        faults.append(f"a cell failed: {str(error).strip().splitlines()[-1]}\n{error}")
    seconds = time.monotonic() - start
    held = {id for id, holds in claims(stored).items() if holds}
    if expected - held:
        faults.append(f"claims did not hold or were not reached: {sorted(expected - held)}")
    after = installed_versions(python)
    if changed := {n: (v, after.get(n)) for n, v in before.items() if after.get(n) != v}:
        faults.append(f"the first cell changed versions: {changed}")
    if "infinite-width" not in after:
        faults.append("the first cell did not install the package")
    return held, seconds, faults


def main():
    """Run the chapters that the command line names; exit code 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("chapter", nargs="*", help="such as gp_limit/random_networks")
    parser.add_argument("--editions", type=Path, default=ROOT / "_build/editions/colab")
    options = parser.parse_args()
    names = [name.removesuffix(".ipynb") for name in options.chapter]
    paths = [options.editions / f"{name}.ipynb" for name in names]
    paths = paths or sorted(options.editions.rglob("*.ipynb"))
    if missing := [path for path in paths if not path.exists()]:
        sys.exit(f"There is no {missing[0]}. Run make editions first.")
    if not paths:
        sys.exit(f"There are no notebooks in {options.editions}. Run make editions first.")
    failed = False
    try:
        inside = environment()
        with tempfile.TemporaryDirectory() as folder:
            address = repository(Path(folder))
            for path in paths:
                name = path.relative_to(options.editions).with_suffix("")
                say(f"{name}: running with Colab's versions …")
                held, seconds, faults = check(path, inside, address)
                say(f"{name}: {len(held)} claims held, {seconds:.0f} s with the installation")
                for fault in faults:
                    say(f"{name}: {fault}")
                failed |= bool(faults)
    except (Failure, subprocess.SubprocessError) as failure:
        sys.exit(f"The run with Colab's versions failed: {failure}")
    say("Something failed; see above." if failed else "Every notebook ran, all claims held.")
    return int(failed)
