"""Which exercises each chapter has, and which chapter a submission is of."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from nbformat import NotebookNode

from bookkit import chapters
from bookkit.chapters import code_cells, tags

CALL = re.compile(r"""exercises\.check\(\s*["']([^"']+)["']""")
TITLE = re.compile(r"^# +(.+?)[ #]*$", re.MULTILINE)


@dataclass(frozen=True)
class Chapter:
    """A chapter's name, its title and its exercises in their order."""

    name: str
    title: str
    exercises: tuple[str, ...]


def called(notebook: NotebookNode) -> list[str]:
    """The exercises that a notebook checks; our solutions do not count."""
    cells = [cell for cell in code_cells(notebook) if "solution" not in tags(cell)]
    return list(dict.fromkeys(id for cell in cells for id in CALL.findall(cell.source)))


def titles(notebook: NotebookNode) -> list[str]:
    """Its headings of the first level."""
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [title for text in prose for title in TITLE.findall(text)]


def load() -> dict[str, Chapter]:
    """All chapters of the book that have exercises, by name."""
    found = {}
    for path in chapters.paths():
        notebook, name = chapters.read(path), chapters.name_of(path)
        if ids := tuple(called(notebook)):
            found[name] = Chapter(name, titles(notebook)[0], ids)
    return found


def recognise(notebook: NotebookNode, known: Mapping[str, Chapter]) -> Chapter | None:
    """The chapter that a notebook is of: by its title, else by the exercises that it checks."""
    written = {" ".join(title.split()).casefold() for title in titles(notebook)}
    for chapter in known.values():
        if " ".join(chapter.title.split()).casefold() in written:
            return chapter
    ids = called(notebook)
    votes = Counter({name: sum(id in chapter.exercises for id in ids)
                     for name, chapter in known.items()})
    best = votes.most_common(1)
    return known[best[0][0]] if best and best[0][1] else None
