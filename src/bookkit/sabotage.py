"""Break chapters on purpose: ``python -m bookkit sabotage [--again] [--jobs 2] [CHAPTER …]``.

A sabotage is a small deliberate error in a chapter's experiment or in the package: another
exponent, a dropped bias, the rival's data. ``book/sabotage/PART/CHAPTER.toml`` declares a
chapter's, each as a table that its name heads::

    [readout-twice-as-large]
    says    = "the readout's variance is $2/n$ instead of $1/n$"   # continues "fails if …"
    where   = "chapter"                     # or "package/networks", a module
    replace = "random.normal(key, (n,)) / jnp.sqrt(n)"             # occurs exactly once there
    by      = "random.normal(key, (n,)) / jnp.sqrt(n / 2)"

The chapter runs once under each, with claims recorded, exercises and figures left out, and a JSON
file beside the declarations keeps what was measured. So a tolerance or a rival that changes is
judged without another run, and only those sabotages run whose own text or chapter's code has
changed since; ``--again`` runs all. A claim that rests on networks or on a model has to fail under
one of them, or nothing shows that it could; a sabotage under which no claim fails shows a sentence
that nothing tests. The ledger says of each claim what makes it fail.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from bookkit import cards, chapters, execute, runner, suite
from bookkit.words import say
from infinite_width import claims

PACKAGE = chapters.ROOT / "src" / "infinite_width"
LEFT_OUT = {"exercise", "solution", "instructor"}
NO_FIGURES = """import matplotlib.pyplot
from infinite_width import figures
figures.show = lambda figure, **options: matplotlib.pyplot.close(figure)
figures.player = lambda *frames, **options: None"""


@dataclass(frozen=True)
class Sabotage:
    """One deliberate error: what it says behind "fails if", where, what becomes what."""

    name: str
    says: str
    where: str
    replace: str
    by: str

    @property
    def module(self) -> Path | None:
        """The module of the package that it changes; None for a chapter's code."""
        name = self.where.removeprefix("package/")
        return None if self.where == "chapter" else PACKAGE / f"{name}.py"


def file_of(name: str, ending: str = "toml") -> Path:
    """Where a chapter's sabotages are declared, or with "json" what came of them."""
    return chapters.BOOK / "sabotage" / f"{name}.{ending}"


def parse(text: str) -> list[Sabotage]:
    """Read a chapter's declarations.

    Raises:
        ValueError: A field is missing or unknown or no text, `where` is neither "chapter" nor a
            module, or nothing changes.
    """
    found = []
    for name, entry in tomllib.loads(text).items():
        fields = set(Sabotage.__annotations__) - {"name"}
        if set(entry) != fields or not all(isinstance(v, str) for v in entry.values()):
            raise ValueError(f"sabotage {name!r}: expected texts {sorted(fields)}; got {entry}")
        sabotage = Sabotage(name, **entry)
        known = sabotage.module is None or (
            sabotage.where.startswith("package/") and sabotage.module.is_file())
        if not known:
            raise ValueError(f"sabotage {name!r}: expected where = \"chapter\" or "
                             f"\"package/MODULE\"; got {sabotage.where!r}")
        if sabotage.replace == sabotage.by or not sabotage.replace.strip():
            raise ValueError(f"sabotage {name!r}: expected that it replaces something")
        found.append(sabotage)
    return found


def declared(name: str) -> list[Sabotage]:
    """A chapter's sabotages, none if it declares none."""
    path = file_of(name)
    return parse(path.read_text("utf-8")) if path.exists() else []


def experiment(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells that a sabotage may change: all but exercises and their solutions."""
    return [c for c in chapters.code_cells(notebook) if not LEFT_OUT & set(chapters.tags(c))]


def places(sabotage: Sabotage, notebook: NotebookNode) -> int:
    """How often what it replaces occurs."""
    if sabotage.module is None:
        return sum(cell.source.count(sabotage.replace) for cell in experiment(notebook))
    return sabotage.module.read_text("utf-8").count(sabotage.replace)


def run(path: Path, sabotage: Sabotage, alone: bool = True) -> dict:
    """Run a chapter under a sabotage.

    Returns:
        `code`, a hash of what ran; `measured`, value and error of each claim; `errors`, what else
        went wrong.
    """
    notebook = chapters.read(path)
    code = digest(notebook, sabotage)
    notebook.cells = experiment(notebook)
    for cell in notebook.cells:
        if sabotage.module is None:
            cell.source = cell.source.replace(sabotage.replace, sabotage.by)
    notebook.cells.insert(0, new_code_cell(NO_FIGURES))
    with tempfile.TemporaryDirectory() as folder:
        environment = runner.with_cache(INFINITE_WIDTH_CLAIMS="record",
                                        **({} if alone else suite.ONE_THREAD))
        if sabotage.module is not None:
            shutil.copytree(PACKAGE, Path(folder, PACKAGE.name))
            changed = Path(folder, PACKAGE.name, sabotage.module.name)
            changed.write_text(changed.read_text("utf-8").replace(sabotage.replace, sabotage.by),
                               "utf-8")
            others = os.environ.get("PYTHONPATH")
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, others)))
        _, wrong = execute.execute(notebook, path.parent, keep_going=True, environment=environment)
    measured = {id: [card.value, card.error] for id, card in cards.claims(notebook).items()}
    return {"code": code, "measured": measured, "errors": wrong}


def digest(notebook: NotebookNode, sabotage: Sabotage) -> str:
    """A hash of what a run depends on: the chapter's code but for figures, and the sabotage."""
    code = [chapters.without_figures(cell.source) for cell in experiment(notebook)]
    whole = json.dumps([code, asdict(sabotage)], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def stored(name: str) -> dict[str, dict]:
    """What came of a chapter's sabotages when they last ran, in the order of declaration."""
    path = file_of(name, "json")
    found = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {s.name: found[s.name] for s in declared(name) if s.name in found}


def stale(path: Path) -> list[Sabotage]:
    """The sabotages of a chapter that were not run, or whose code has changed since."""
    name, notebook = chapters.name_of(path), chapters.read(path)
    runs = stored(name)
    return [s for s in declared(name) if runs.get(s.name, {}).get("code") != digest(notebook, s)]


def failed(found: dict) -> list[str]:
    """The claims that failed in a run, by today's tolerances."""
    listed = claims.load()
    return [id for id, measured in found["measured"].items()
            if id in listed and not claims.Card(listed[id], *measured).holds]


def broken(name: str) -> dict[str, list[str]]:
    """The claims that fail under each sabotage that was run."""
    return {sabotage: failed(found) for sabotage, found in stored(name).items()}


def fails_if(name: str) -> dict[str, list[str]]:
    """What makes each claim of a chapter fail, in words; the most specific first."""
    breaks, says = broken(name), {s.name: s.says for s in declared(name)}
    found: dict[str, list[str]] = {}
    for sabotage in sorted(breaks, key=lambda s: (len(breaks[s]), s)):
        for id in breaks[sabotage]:
            found.setdefault(id, []).append(says[sabotage])
    return found


def problems(name: str) -> Iterator[str]:
    """What the stored results do not show of a chapter, in sentences."""
    breaks, shown = broken(name), fails_if(name)
    for claim in claims.load().values():
        if claim.chapter == name and claim.evidence != "two-ways" and claim.id not in shown:
            yield f"no sabotage breaks {claim.id}"
    for sabotage in declared(name):
        if sabotage.name not in breaks:
            yield f"{sabotage.name} was not run"
        elif not breaks[sabotage.name]:
            yield f"{sabotage.name} breaks no claim: nothing tests that not {sabotage.says}"


def matrix(name: str) -> str:
    """Which sabotage breaks which claim of a chapter, as text; in brackets, which hides it."""
    runs = stored(name)
    lines = [f"{name}"] + [f"  {number}  {s}" for number, s in enumerate(runs, 1)]
    for claim in (c for c in claims.load().values() if c.chapter == name):
        marks = "".join(f" {n}" if claim.id in failed(found) else
                        f" ({n})" if claim.id not in found["measured"] else ""
                        for n, found in enumerate(runs.values(), 1))
        lines.append(f"{claim.id:<44} {claim.evidence:<9}{marks}")
    return "\n".join(lines)


def sabotaged(path: Path, again: bool, jobs: int) -> Iterator[str]:
    """Run a chapter's sabotages and store what came of each; what is wrong, in sentences."""
    name, notebook = chapters.name_of(path), chapters.read(path)
    for sabotage in declared(name):
        if (count := places(sabotage, notebook)) != 1:
            raise ValueError(f"sabotage {sabotage.name!r}: expected that what it replaces occurs "
                             f"once in {name} or its module; got {count} times")
    chosen, results = declared(name) if again else stale(path), stored(name)
    with ThreadPoolExecutor(jobs) as pool:
        runs = pool.map(lambda sabotage: run(path, sabotage, jobs == 1), chosen)
        for sabotage, found in zip(chosen, runs, strict=True):
            results[sabotage.name] = found
            lines = (f'"{s.name}": {json.dumps(results[s.name], ensure_ascii=False)}'
                     for s in declared(name) if s.name in results)
            file_of(name, "json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
            say(f"{name}: {sabotage.name} breaks {', '.join(failed(found)) or 'nothing'}")
            for error in found["errors"]:
                say(f"  {error}")
    print("\n" + matrix(name))
    yield from (f"{name}: {problem}" for problem in problems(name))


def main() -> int:
    """Sabotage the chapters that the command line names, or all that declare sabotages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="all, not only what has changed")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side")
    options = chapters.parsed(parser)
    wrong: list[str] = []
    try:
        for path in options.chapter:
            if declared(chapters.name_of(path)):
                wrong += sabotaged(path, options.again, options.jobs)
    except ValueError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        say("Interrupted; what ran to its end is stored.")
        return 130
    print("\n".join(["", *wrong]) if wrong else "\nEvery claim fails where it has to.")
    return int(bool(wrong))
