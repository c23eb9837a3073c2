"""The chapters as stored obey the rules of style; each rule is shown to fail."""

import copy
from functools import cache

import nbformat
import pytest

from bookkit import chapters, rules, run_times
from bookkit.cards import EXERCISE
from infinite_width import exercises


@pytest.mark.parametrize("path", chapters.paths(), ids=chapters.name_of)
def test_chapter(path):
    chapter = chapters.read(path)
    assert rules.problems(chapter) == []
    assert rules.exercise_problems(chapter) == []


@pytest.mark.parametrize("path", chapters.paths(), ids=chapters.name_of)
def test_chapter_has_teaching_notes(path):
    assert rules.teaching_problems(chapters.read(path)) == []


@pytest.mark.skipif(not run_times.FILE.exists(), reason="no run time was measured: TIMES=1")
def test_chapters_give_the_run_times_that_were_measured():
    times = run_times.load()
    assert [problem for path, name in zip(chapters.paths(), chapters.names())
            for problem in run_times.problems(name, chapters.read(path), times)] == []


def test_there_are_chapters():
    assert chapters.paths()


@cache
def good():
    return chapters.read(chapters.paths()[0])


def spoil(change):
    chapter = copy.deepcopy(good())
    change(chapter, chapters.code_cells(chapter))
    return rules.problems(chapter) + rules.exercise_problems(chapter)


def stderr(chapter, cells):
    cells[0].outputs.append(nbformat.v4.new_output("stream", name="stderr", text="warning"))


def bare_figure(chapter, cells):
    cells[0].outputs.append(nbformat.v4.new_output("display_data", {"image/png": "aaaa"}))


def heavy_figure(chapter, cells):
    metadata = {"image/png": {"alt": "something"}}
    cells[0].outputs.append(
        nbformat.v4.new_output("display_data", {"image/png": "a" * 210_000}, metadata=metadata)
    )


def bare_player(chapter, cells):
    html = '<div class="player"><p class="player-caption"></p></div>'
    cells[0].outputs.append(nbformat.v4.new_output("display_data", {"text/html": html}))


def lost_solution(chapter, cells):
    chapter.cells = [c for c in chapter.cells if "solution" not in chapters.tags(c)]


def unread_caption(chapter, cells):
    next(cell for cell in cells if "mystnb" in cell.metadata).metadata.pop("mystnb")


def widget(chapter, cells):
    data = {"application/vnd.jupyter.widget-view+json": {}}
    cells[0].outputs.append(nbformat.v4.new_output("display_data", data))


def large(chapter, cells):
    data = {"text/html": "x" * 3_000_000}
    cells[0].outputs.append(nbformat.v4.new_output("display_data", data))


def without_claims(chapter, cells):
    for cell in cells:
        cell.source = cell.source.replace("claims.check", "print")


def show(tag, state):
    """Change what the cells with a tag show of their exercise."""
    def change(chapter, cells):
        for cell in cells:
            for output in cell.outputs:
                if tag in chapters.tags(cell) and EXERCISE in output.get("data", {}):
                    output.data[EXERCISE]["state"] = state
    return change


def untagged(chapter, cells):
    next(cell for cell in cells if "solution" in chapters.tags(cell)).metadata.pop("tags")


def few_exercises(chapter, cells):
    kept = [id for cell in cells for id in rules.EXERCISE.findall(cell.source)][:1]
    for cell in cells:
        found = rules.EXERCISE.findall(cell.source)
        if found and found != kept:
            cell.source = "pass"


@pytest.mark.parametrize("change, complaint", [
    (lambda n, c: setattr(c[3], "execution_count", None), "not all executed"),
    (lambda n, c: setattr(c[3], "source", "\n".join("x = 1" for _ in range(26))), "26 lines"),
    (lambda n, c: setattr(c[3], "source", "import x  # noqa"), "silenced warning"),
    (stderr, "stderr"),
    (bare_figure, "without alt text"),
    (heavy_figure, "kB"),
    (bare_player, "without a caption"),
    (lambda n, c: n.cells.append(nbformat.v4.new_markdown_cell("TODO")), "placeholder"),
    (lambda n, c: setattr(n, "cells", [x for x in n.cells if "At a glance" not in x.source]),
     "At a glance"),
    (lambda n, c: n.cells.append(nbformat.v4.new_markdown_cell("the notebook runs in about 5 s on "
                                                               "two cores")), "or several"),
    (lambda n, c: n.metadata.update(widgets={"a": 1}), "metadata"),
    (lambda n, c: c[3].update(source="open('/tmp/x')"), "path of a machine"),
    (lost_solution, "stub without solution"),
    (show("exercise", "ok"), "not shown as open"),
    (show("solution", "open"), "is not accepted"),
    (untagged, "neither tagged exercise nor solution"),
    (few_exercises, "only 1 exercises with a check"),
    (unread_caption, "alt text in cell and output differ"),
    (widget, "widget state"),
    (large, "MB"),
    (without_claims, "only 0 claims"),
    (lambda n, c: n.metadata.language_info.update(version="3.14.0"), "metadata"),
    (lambda n, c: setattr(n, "cells", [x for x in n.cells if "## Exercises" not in x.source]),
     "no part '## Exercises'"),
])
def test_each_rule_can_fail(change, complaint):
    assert any(complaint in problem for problem in spoil(change))
    assert not any(complaint in problem for problem in rules.problems(good()))


def note(minutes, text="- **Point.** One.\n- **Misconception.** Two.\n"
         "- **Ask.** Three, $x_1$? **Expect.** Four."):
    source = f"**Teaching note** ({minutes} min)\n\n{text}"
    metadata = {"tags": ["instructor", "remove-cell"]}
    return nbformat.v4.new_markdown_cell(source, metadata=metadata)


def taught(change=lambda cells: None):
    prose = nbformat.v4.new_markdown_cell
    cells = [prose("(label)=\n# Title\n\nText."), note(12, note(1).source.split("\n\n")[1]
             + "\n- **Short of time.** Leave out the second.\n\nShow the first figure."),
             prose("At a glance"), prose("## First\n\n### Below"), note(5),
             nbformat.v4.new_code_cell("# a comment"), prose("## Second"), note(7),
             prose("## Take-aways\n\n### What the sources say")]
    change(cells)
    return nbformat.v4.new_notebook(cells=cells)


def test_minutes_are_those_of_the_first_note():
    assert rules.minutes(taught()) == 12
    assert rules.minutes(taught(lambda c: c.__delitem__(slice(1, None)))) is None


@pytest.mark.parametrize("change, complaint", [
    (lambda c: c.pop(1), "0 teaching notes below the heading 'Title'"),
    (lambda c: c.pop(7), "0 teaching notes below the heading 'Second'"),
    (lambda c: c.insert(5, note(0)), "2 teaching notes below the heading 'First'"),
    (lambda c: c.append(note(0)), "1 teaching notes below the heading 'Take-aways'"),
    (lambda c: c.insert(4, nbformat.v4.new_code_cell()) or c.insert(4, nbformat.v4.new_code_cell()),
     "far below its heading: 'First'"),
    (lambda c: c[4].update(source=c[4].source.replace(" (5 min)", "")), "not in the form"),
    (lambda c: c[4].update(source=c[4].source.replace("Point", "Message")), "not in the form"),
    (lambda c: c[4].update(source=c[4].source.replace("**Misconception.** Two.",
                                                      "**Misconception.**")), "not in the form"),
    (lambda c: c[4].update(source=c[4].source.replace(" **Expect.** Four.", "")),
     "not in the form"),
    (lambda c: c[4].update(source=c[4].source + " See {eq}`one`."), "MyST syntax"),
    (lambda c: c[4].update(source=c[4].source + "\n\n:::{tip}\n:::"), "MyST syntax"),
    (lambda c: c[4].metadata.update(tags=["instructor"]), "other tags"),
    (lambda c: c.__setitem__(4, note(6)), "12 min for the chapter, 13 in its sections"),
    (lambda c: c[3].update(source="## First\n\n## Another"), "headings in one cell"),
])
def test_each_rule_of_teaching_notes_can_fail(change, complaint):
    assert rules.teaching_problems(taught()) == []
    assert any(complaint in problem for problem in rules.teaching_problems(taught(change)))


def test_every_exercise_of_the_list_is_in_one_chapter():
    used = [id for path in chapters.paths()
            for id in {i for c in chapters.code_cells(chapters.read(path))
                       for i in rules.EXERCISE.findall(c.source)}]
    assert sorted(used) == sorted(exercises.load())
