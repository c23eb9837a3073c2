"""The changes that chapters propose to readers."""

import sys

import nbformat
import pytest

from bookkit import cards, changes, chapters
from infinite_width import claims

CODE = f"""from IPython.display import display
width, places = 4, [2, 4]
display({{"{cards.CLAIM}": {{"id": "wide", "value": width, "error": None, "holds": width == 4,
         "outcome": "holds"}}}}, raw=True)
place = places.index(width)"""
BOX = """### Change this

Put the second text in place of the first, and run all.

- `width, places = 4` → `width, places = 2`: the card no longer holds.
- `[2, 4]` → `[2, 4, 8]`: nothing else happens."""


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """Writes a book of one chapter with one claim and a box, and gives the chapter's path."""
    monkeypatch.setattr(chapters, "BOOK", tmp_path)
    claim = claims.parse("wide", dict(
        chapter="part/a", statement="It is four.", source="Us", predicted=4.0, tolerance=0.1,
        basis="It is exactly four.", rival={"value": 0.0, "says": "none"}, evidence="networks"))
    monkeypatch.setattr(claims, "load", lambda: {"wide": claim})
    monkeypatch.setattr(sys, "argv", ["changes", "part/a"])

    def write(box):
        cells = [nbformat.v4.new_code_cell(CODE), nbformat.v4.new_markdown_cell(box)]
        path = tmp_path / "part" / "a.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path

    return write


def test_changes_run_to_the_end_and_say_what_they_break(chapter, capsys):
    path = chapter(BOX)
    assert changes.problems(chapters.read(path)) == []
    assert changes.main() == 0
    shown = capsys.readouterr()
    lines = (shown.out + shown.err).splitlines()
    assert [line.rsplit(" breaks ")[1] for line in lines if " breaks " in line] == [
        "wide", "nothing"]


def test_a_change_that_stops_a_cell_is_named(chapter, capsys):
    chapter(BOX.replace("[2, 4, 8]", "[8]"))
    assert changes.main() == 1
    assert "part/a, change 2" in capsys.readouterr().out


@pytest.mark.parametrize(("old", "new", "complaint"), [
    ("- `[2, 4]`", "- `places`", "change 2 replaces occurs 2 times"),
    ("`[2, 4, 8]`", "`[2, 4]`", "change 2 changes nothing"),
    ("- `[2, 4]`", "`[2, 4]`", "proposes 1 changes"),
])
def test_a_box_that_cannot_be_followed_is_refused(chapter, old, new, complaint):
    found = changes.problems(chapters.read(chapter(BOX.replace(old, new))))
    assert any(complaint in problem for problem in found)


@pytest.mark.parametrize("path", chapters.paths(), ids=chapters.name_of)
def test_the_books_boxes_can_be_followed(path):
    assert changes.problems(chapters.read(path)) == []
