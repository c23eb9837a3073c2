"""What a teacher gets to see: a line for each notebook, tables for spreadsheets, a summary."""

import csv
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bookkit.words import count

MEANING = {"✓": "right", "✗": "wrong", "○": "open", "!": "did not run", "–": "missing"}
MARK = {meaning: mark for mark, meaning in MEANING.items()}
OF_STATE = {"ok": "right", "wrong": "wrong", "open": "open"}
COLUMNS = ("student", "notebook", "chapter", "exercise", "result", "right", "note")
STUDENT_COLUMNS = ("student", "notebooks", "right", "of", "note")


@dataclass
class Graded:
    """A submission's marks: the chapter's exercises, each with its result.

    Attributes:
        name: The notebook.
        student: Whose it is.
        chapter: Its chapter's name, "" if unknown.
        results: A meaning for each of the chapter's exercises, in their order.
        notes: What a teacher should know beside that.
        ran: Whether it was run, and if so whether to its end.
    """

    name: str
    student: str
    chapter: str = ""
    results: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    ran: str = "not run"
    seconds: float = 0.0

    @property
    def right(self) -> int:
        """How many exercises are right."""
        return sum(result == "right" for result in self.results.values())


def results(exercises: Iterable[str], called: Iterable[str], states: Mapping[str, str]
            ) -> dict[str, str]:
    """The result of each exercise of a chapter; one without a check is missing, not left out."""
    called = set(called)
    return {id: OF_STATE.get(states.get(id, ""), "did not run" if id in called else "missing")
            for id in exercises}


def line(graded: Graded, width: int) -> str:
    """A notebook's line: how many exercises are right, which are not, and what happened."""
    rest = [f"{MARK[result]} {id}" for id, result in graded.results.items() if result != "right"]
    if rest and set(graded.results.values()) == {"missing"}:
        rest = ["– all"]
    notes = [f"({'; '.join(graded.notes)})"] if graded.notes else []
    passed = f"{graded.right} of {len(graded.results)}" if graded.chapter else "?"
    return "  ".join([f"{graded.name:{width}} {passed:>7}", *rest, *notes])


def safe(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def rows(graded: Graded) -> list[tuple]:
    """A row for each exercise; one without an exercise if the chapter is unknown."""
    note = "; ".join(graded.notes)
    found = [(graded.student, graded.name, graded.chapter, id, result, int(result == "right"), note)
             for id, result in graded.results.items()]
    return found or [(graded.student, graded.name, graded.chapter, "", "not graded", 0, note)]


def student_rows(everything: Sequence[Graded]) -> list[tuple]:
    """A row for each student: how many exercises are right, of those of all his notebooks."""
    found = []
    for student in sorted({graded.student for graded in everything}):
        his = [graded for graded in everything if graded.student == student]
        notes = [f"{graded.name}: {note}" for graded in his for note in graded.notes]
        found.append((student, len(his), sum(g.right for g in his),
                      sum(len(g.results) for g in his), "; ".join(notes)))
    return found


class Table:
    """A table for spreadsheets that grows as results come, and is put in order at the end."""

    def __init__(self, path: Path) -> None:
        """Begin the table; the students' own lies beside it.

        Raises:
            OSError: It cannot be written.
        """
        self.path = path
        self.students = path.with_name(f"{path.stem}-students{path.suffix}")
        self._write(path, [COLUMNS])

    def add(self, graded: Graded) -> None:
        """Write what is known of one more notebook."""
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([map(safe, row) for row in rows(graded)])

    def finish(self, everything: Sequence[Graded]) -> None:
        """Write all again in the order of the notebooks, and the table of students."""
        self._write(self.path, [COLUMNS, *(row for graded in everything for row in rows(graded))])
        self._write(self.students, [STUDENT_COLUMNS, *student_rows(everything)])

    @staticmethod
    def _write(path: Path, table: Iterable[Sequence]) -> None:
        beside = path.with_name(f"{path.name}.part")
        # The byte order mark lets Excel read names with accents.
        with beside.open("w", newline="", encoding="utf-8-sig") as file:
            csv.writer(file).writerows([map(safe, row) for row in table])
        os.replace(beside, path)


def summary(everything: Sequence[Graded], aside: Sequence[str]) -> list[str]:
    """The last lines: how many ran, how the class did in each exercise, what was left aside."""
    ran = Counter(graded.ran for graded in everything)
    lines = ["", ", ".join(f"{mark} {meaning}" for mark, meaning in MEANING.items()), ""]
    lines.append(f"{count(len(everything), 'notebook')} of "
                 f"{count(len({g.student for g in everything}), 'student')}: "
                 + ", ".join(f"{n} {what}" for what, n in sorted(ran.items())) + ".")
    for chapter in sorted({graded.chapter for graded in everything} - {""}):
        of_it = [graded for graded in everything if graded.chapter == chapter]
        right = Counter(id for g in of_it for id, result in g.results.items() if result == "right")
        lines.append(f"{chapter}: right in {count(len(of_it), 'notebook')}: "
                     + ", ".join(f"{id} {right[id]}" for id in of_it[0].results))
    if aside:
        shown = aside[:10] + ([f"and {len(aside) - 10} more"] if len(aside) > 10 else [])
        lines.append(f"Left aside: {', '.join(shown)}.")
    return lines
