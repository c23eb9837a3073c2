"""How long a chapter takes to read, by one rule: ``python -m bookkit reading_time [CHAPTER …]``.

    words of prose / 130 a minute + visible lines of code × 4 s + displayed formulas × 10 s

counted for the main text, for sections whose heading says that they are for a second reading, and
for what is folded or an exercise. The command writes the minutes into the chapters' headers.
"""

import argparse
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from bookkit import chapters

WORDS_A_MINUTE, SECONDS_A_LINE, SECONDS_A_FORMULA = 130, 4, 10
LIMIT = 45
"""Minutes that a chapter's main text may take: one lesson."""
SECOND = "second reading"
HEADER = re.compile(r"(?<=\*\*Time\*\* )\d+ minutes to read[^;\n]*")

HEADING = re.compile(r"^(#+) +(.*)$", re.MULTILINE)
FOLDED = re.compile(r" *:{3,}\{(dropdown\}|.*(\n *:\w+:.*)*\n *:class:.*dropdown)")
FENCE = re.compile(r"^ *(:{3,})(\{[^\n]*)?$")
FORMULA = re.compile(r"\$\$.*?\$\$(?:\s*\([\w-]+\))?|^```\{math\}.*?^```", re.DOTALL | re.MULTILINE)
ONE_WORD = re.compile(r"\{[\w:]+\}`[^`]*`|\$[^$]+\$|`[^`]+`")
NO_WORD = re.compile(r"\]\([^)]*\)|^ *:[\w-]+:.*$|^ *:{3,}.*$|^\([\w-]+\)=$", re.MULTILINE)


class ReadingTime(NamedTuple):
    """Minutes for the main text, for sections for a second reading, for all that is folded."""

    main: float = 0.0
    second: float = 0.0
    folded: float = 0.0

    @property
    def header(self) -> str:
        """What the chapter's header says."""
        second = f"{math.ceil(self.second)} more for a second reading, " if self.second else ""
        return (f"{math.ceil(self.main)} minutes to read, {second}"
                f"{math.ceil(self.folded)} for folded parts and exercises")


def of(notebook: NotebookNode) -> ReadingTime:
    """The minutes that a chapter takes."""
    minutes = {"main": 0.0, "second": 0.0, "folded": 0.0}
    exercises, second = False, 0  # the level of a heading that opened a second reading
    for cell in notebook.cells:
        if {"instructor", "remove-cell"} & set(chapters.tags(cell)):
            continue
        if cell.cell_type == "code":
            hidden = {"hide-input", "exercise", "solution"} & set(chapters.tags(cell))
            lines = sum(1 for line in cell.source.splitlines() if line.strip())
            kind = "folded" if hidden or exercises else "second" if second else "main"
            minutes[kind] += lines * SECONDS_A_LINE / 60
            continue
        for level, title in HEADING.findall(cell.source):
            if len(level) <= 2:
                exercises = title.startswith("Exercises")
            if len(level) <= second:
                second = 0
            if SECOND in title:
                second = len(level)
        for text, folded in pieces(cell.source):
            kind = "folded" if folded or exercises else "second" if second else "main"
            minutes[kind] += prose(text)
    return ReadingTime(**minutes)


def pieces(source: str) -> Iterator[tuple[str, bool]]:
    """A cell's text in pieces, each with whether it is folded."""
    lines, fold = [], ""  # the colons that opened what is folded
    source_lines = source.splitlines()
    for number, line in enumerate(source_lines):
        fence = FENCE.match(line)
        opening = "\n".join(source_lines[number:number + 4])
        if not fold and fence and FOLDED.match(opening):
            yield "\n".join(lines), False
            lines, fold = [], fence[1]
        elif fold and fence and fence[1] == fold and not fence[2]:
            yield "\n".join(lines), True
            lines, fold = [], ""
        else:
            lines.append(line)
    yield "\n".join(lines), bool(fold)


def prose(text: str) -> float:
    """The minutes that a piece of text takes, its displayed formulas included."""
    text, formulas = FORMULA.subn(" ", text)
    words = ONE_WORD.sub(" word ", NO_WORD.sub("", text)).split()
    count = sum(1 for word in words if re.search(r"\w", word))
    return count / WORDS_A_MINUTE + formulas * SECONDS_A_FORMULA / 60


def problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with the reading times in a chapter's header, as sentences."""
    expected = of(notebook).header
    prose_cells = (c.source for c in notebook.cells if c.cell_type == "markdown")
    headers = [match for source in prose_cells for match in HEADER.findall(source)]
    return [] if headers == [expected] else [
        f"the header gives the reading times {headers}, not {expected!r}; run "
        "python -m bookkit reading_time"]


def main() -> int:
    """Write the reading times into the headers of chapters, and list them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for path in chapters.parsed(parser).chapter:
        notebook = chapters.read(path)
        found = of(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = HEADER.sub(found.header, cell.source)
        nbformat.write(notebook, path)
        print(f"{chapters.name_of(path)}: {found.header}")
    return 0
