"""The rule by which reading times are computed, and the headers that give them."""

import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bookkit import chapters, reading_time

# These are still too long for one lesson. A chapter that has become short enough leaves the list.
TOO_LONG: set[str] = set()

LINE, FORMULA, WORD = 4 / 60, 10 / 60, 1 / 130


def code(source, *tags):
    return new_code_cell(source, metadata={"tags": list(tags)})


@pytest.mark.parametrize("cells, main, second, folded", [
    (["one two three"], 3 * WORD, 0, 0),
    (["# A title of\n\nsix words here –"], 6 * WORD, 0, 0),
    (["with $a = b + c$ and {cite:t}`a, b` and `f(x, y)`"], 6 * WORD, 0, 0),
    (["[a link](https://example.org/so/long) counts"], 3 * WORD, 0, 0),
    (["(a-label)=\n## Title"], WORD, 0, 0),
    (["$$\na = b\n$$ (an-equation)\n\nword"], WORD + FORMULA, 0, 0),
    ([code("a = 1\n\nb = 2\n")], 2 * LINE, 0, 0),
    ([code("a = 1", "hide-input")], 0, 0, LINE),
    ([code("a = 1", "exercise"), code("a = 1", "solution")], 0, 0, 2 * LINE),
    ([code("a = 1", "instructor", "remove-cell")], 0, 0, 0),
    ([":::{note}\n:class: margin\nword\n:::"], WORD, 0, 0),
    (["seen\n\n:::{dropdown} Folded title\nword\n$$x$$\n:::\nseen"], 2 * WORD, 0, WORD + FORMULA),
    ([":::{prf:proof}\n:class: dropdown\nword\n:::\nseen"], WORD, 0, WORD),
    ([":::{prf:proof}\n:label: here\n:class: dropdown\nword\n:::"], 0, 0, WORD),
    ([":::{prf:proof}\nword\n:::"], WORD, 0, 0),
    (["::::{dropdown} T\n:::{note}\nword\n:::\nword\n::::\nseen"], WORD, 0, 2 * WORD),
    (["## Exercises", "word", code("a = 1"), "## Later", "word"], 2 * WORD, 0, 2 * WORD + LINE),
    (["## More: for a second reading", "word", "### Still", "## Back", "word"],
     2 * WORD, 7 * WORD, 0),
    (["## Here", "### More (for a second reading)", code("a = 1"), "### Back"],
     2 * WORD, 5 * WORD + LINE, 0),
])
def test_the_rule(cells, main, second, folded):
    cells = [new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    assert reading_time.of(new_notebook(cells=cells)) == pytest.approx((main, second, folded))


def test_the_command_writes_the_header(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(chapters, "BOOK", tmp_path)
    path = tmp_path / "a.ipynb"
    text = "**Time** 3 minutes to read; the notebook runs.\n\n" + "word " * 260
    second = "## For a second reading\n" + "word " * 140
    cells = [new_markdown_cell(text), new_markdown_cell(second)]
    nbformat.write(new_notebook(cells=cells), path)
    assert "not '3 minutes to read, 2 more" in reading_time.problems(chapters.read(path))[0]
    monkeypatch.setattr(sys, "argv", ["reading_time", "a"])
    assert reading_time.main() == 0
    notebook = chapters.read(path)
    assert notebook.cells[0].source.startswith(
        "**Time** 3 minutes to read, 2 more for a second reading, 0 for folded parts and "
        "exercises; the notebook runs.")
    assert reading_time.problems(notebook) == []
    assert "a: 3 minutes to read, 2 more" in capsys.readouterr().out


@pytest.mark.parametrize("path", chapters.paths(), ids=chapters.name_of)
def test_chapters_say_how_long_they_take(path):
    assert reading_time.problems(chapters.read(path)) == []


def test_a_chapter_is_one_lesson():
    minutes = {chapters.name_of(p): reading_time.of(chapters.read(p)).main
               for p in chapters.paths()}
    assert {name for name, main in minutes.items() if main > reading_time.LIMIT} == TOO_LONG
