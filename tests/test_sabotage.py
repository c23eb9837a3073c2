"""Sabotages apply, break what they should, and what they break is stored."""

import dataclasses
import sys

import nbformat
import pytest

from bookkit import cards, chapters, sabotage
from infinite_width import claims

CODE = f"""import json
from IPython.display import display
from infinite_width import measure
def check(id, value):
    display({{"{cards.CLAIM}": {{"id": id, "value": value, "error": None, "holds": value == 1,
             "outcome": "holds"}}}}, raw=True)
bias = 1
check("biased", bias)
check("steady", 1)
check("package", int(abs(measure.mean([1.0, 2.0]).error - 0.5) < 0.1))"""
DECLARED = '''
[no-bias]
says = "the bias is dropped"
where = "chapter"
replace = "bias = 1"
by = "bias = 0"

[longer-name]
says = "the name is longer"
where = "chapter"
replace = "import json"
by = "import json as j"

[wrong-error]
says = "the mean's error is twice as large"
where = "package/measure"
replace = """def mean("""
by = """def mean(samples, axis=None):
    value, error = right_mean(samples, axis)
    return Estimate(value, 2 * error)


def right_mean("""
'''


def claim(id, evidence):
    return claims.parse(id, dict(
        chapter="part/a", statement="It is one.", source="Us", predicted=1.0, tolerance=0.1,
        basis="It is exactly one.", rival={"value": 0.0, "says": "none"}, evidence=evidence))


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """A book of one chapter with three claims and three sabotages."""
    monkeypatch.setattr(chapters, "BOOK", tmp_path)
    (tmp_path / "part").mkdir()
    (tmp_path / "sabotage" / "part").mkdir(parents=True)
    (tmp_path / "sabotage" / "part" / "a.toml").write_text(DECLARED)
    exercise = nbformat.v4.new_code_cell("bias = 1\n1 / 0", metadata={"tags": ["exercise"]})
    cells = [nbformat.v4.new_code_cell(CODE), exercise]
    path = tmp_path / "part" / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    entries = {"biased": "networks", "steady": "model", "package": "networks"}
    listed = {id: claim(id, evidence) for id, evidence in entries.items()}
    monkeypatch.setattr(claims, "load", lambda: listed)
    return path


def test_what_a_sabotage_breaks_is_stored_and_the_rest_is_named(chapter, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sabotage", "part/a"])
    assert sabotage.main() == 1
    assert sabotage.broken("part/a") == {
        "no-bias": ["biased"], "longer-name": [], "wrong-error": ["package"]}
    assert not any(found["errors"] for found in sabotage.stored("part/a").values())
    assert sabotage.stored("part/a")["no-bias"]["measured"] == {
        "biased": [0, None], "steady": [1, None], "package": [1, None]}
    assert sabotage.fails_if("part/a") == {
        "biased": ["the bias is dropped"], "package": ["the mean's error is twice as large"]}
    assert list(sabotage.problems("part/a")) == [
        "no sabotage breaks steady",
        "longer-name breaks no claim: nothing tests that not the name is longer"]
    assert "no sabotage breaks steady" in capsys.readouterr().out

    assert sabotage.stale(chapter) == []
    notebook = chapters.read(chapter)
    notebook.cells[1].source = "exercises do not matter"
    nbformat.write(notebook, chapter)
    assert sabotage.stale(chapter) == []
    sabotage.file_of("part/a").write_text(DECLARED.replace("bias = 0", "bias = -1"))
    assert [s.name for s in sabotage.stale(chapter)] == ["no-bias"]
    assert sabotage.main() == 1
    assert sabotage.stored("part/a")["no-bias"]["measured"]["biased"] == [-1, None]
    notebook.cells[0].source += "\n1"
    nbformat.write(notebook, chapter)
    assert len(sabotage.stale(chapter)) == 3


def test_what_a_figure_says_is_no_part_of_a_run():
    source = "import figures\nfor x in (1, 2):\n    figures.show(x,\n        alt='a line')\ny = 1"
    assert chapters.without_figures(source.replace("a line", "a curve")) == (
        chapters.without_figures(source)) == "import figures\nfor x in (1, 2):\ny = 1"


def test_another_tolerance_is_judged_without_another_run(chapter, monkeypatch):
    sabotage.file_of("part/a", "json").write_text(
        '{"no-bias": {"code": "", "measured": {"biased": [0.95, 0.01]}, "errors": []}}')
    assert sabotage.broken("part/a") == {"no-bias": []}
    tighter = dataclasses.replace(claims.load()["biased"], tolerance=0.04)
    monkeypatch.setattr(claims, "load", lambda: {"biased": tighter})
    assert sabotage.broken("part/a") == {"no-bias": ["biased"]}


def test_a_crash_breaks_nothing(chapter):
    crash = sabotage.Sabotage("crash", "it crashes", "chapter", 'check("steady", 1)', "1 / 0")
    found = sabotage.run(chapter, crash)
    assert found["measured"] == {"biased": [1, None]}
    assert "ZeroDivisionError" in found["errors"][0]


def test_an_ambiguous_sabotage_is_refused(chapter, monkeypatch):
    sabotage.file_of("part/a").write_text(DECLARED.replace('"bias = 1"', '"check"'))
    monkeypatch.setattr(sys, "argv", ["sabotage", "part/a"])
    with pytest.raises(SystemExit, match="occurs once in part/a or its module; got 4 times"):
        sabotage.main()


@pytest.mark.parametrize("old, new, complaint", [
    ('says = "the bias is dropped"', "", "expected texts"),
    ('by = "bias = 0"', "by = 0", "expected texts"),
    ('by = "bias = 0"', 'by = "bias = 1"', "replaces something"),
    ('where = "chapter"', 'where = "networks"', "package/MODULE"),
    ('"package/measure"', '"package/nothing"', "package/MODULE"),
])
def test_each_rule_of_declarations_can_fail(old, new, complaint):
    assert len(sabotage.parse(DECLARED)) == 3
    with pytest.raises(ValueError, match=complaint):
        sabotage.parse(DECLARED.replace(old, new, 1))


@pytest.mark.parametrize("path", chapters.paths(), ids=chapters.name_of)
def test_the_books_sabotages_apply_to_one_place(path):
    name, notebook = chapters.name_of(path), chapters.read(path)
    assert len(sabotage.declared(name)) >= 6
    assert {s.name: sabotage.places(s, notebook) for s in sabotage.declared(name)} == {
        s.name: 1 for s in sabotage.declared(name)}


@pytest.mark.parametrize("path", chapters.paths(), ids=chapters.name_of)
def test_the_books_sabotages_show_what_makes_each_claim_fail(path):
    assert list(sabotage.problems(chapters.name_of(path))) == []


@pytest.mark.weekly
@pytest.mark.parametrize("path", chapters.paths(), ids=chapters.name_of)
def test_stored_sabotages_are_of_this_chapter(path):
    assert sabotage.stale(path) == []
