"""A fresh run is compared number by number; each rule is shown to let pass and to refuse."""

import nbformat
import pytest

from bookkit import comparison
from bookkit.cards import CLAIM, EXERCISE, NUMBER
from bookkit.comparison import differences, same_text

new = nbformat.v4


@pytest.mark.parametrize("fresh, stored", [
    ("c = 0.254", "c = 0.255"),
    ("[ 9.9 14.7]", "[10.0 14.7]"),  # an array's columns move with its widest entry
    ("P = 2.9e-05", "P = 3.0e-05"),
    ("−0.00", "0.00"),
    ("slope −1.3", "slope −1.4"),
    ("0.5", "0.50"),
    ("2 of 3, 1.25 ± 0.1", "2 of 3,  1.25 ± 0.1"),
])
def test_texts_that_agree(fresh, stored):
    assert same_text(fresh, stored)


@pytest.mark.parametrize("fresh, stored", [
    ("c = 0.254", "c = 0.256"),
    ("21 networks", "23 networks"),
    ("21 networks", "21 draws"),
    ("1e+03 points", "2e+03 points"),
    ("P = 2.9e-05", "P = 2.9e-04"),
    ("slope −1.3", "slope 1.3"),
    ("[1.0, 2.0]", "[1.0]"),
    ("98.7", "99"),
    ("True", "False"),
])
def test_texts_that_differ(fresh, stored):
    assert not same_text(fresh, stored)


def claim(value=1.0, error=0.1, holds=True, id="some-claim", predicted="1 ± 0.5"):
    text = f"{'✓' if holds else '✗'} {id}: measured {value} ± {error}; predicted {predicted}"
    html = f"<p>measured <b>{value}</b> predicted <b>{predicted}</b></p>"
    data = {CLAIM: {"id": id, "value": value, "error": error, "holds": holds},
            "text/plain": text, "text/html": html}
    return [new.new_output("display_data", data)]


def number(value, error, text):
    record = {"name": "n", "value": value, "error": error, "text": text}
    return [new.new_output("display_data", {NUMBER: record, "text/plain": text})]


def exercise(state):
    data = {EXERCISE: {"id": "x", "state": state}, "text/plain": state}
    return [new.new_output("display_data", data)]


def stream(*texts):
    return [new.new_output("stream", name="stdout", text=text) for text in texts]


def shown(data):
    return [new.new_output("display_data", data)]


def notebook(outputs, tags=()):
    cell = new.new_code_cell("measure()", outputs=outputs, metadata={"tags": list(tags)})
    return new.new_notebook(cells=[new.new_markdown_cell("Text."), cell])


def compare(fresh, stored, tags=()):
    return list(differences(notebook(fresh, tags), notebook(stored, tags)))


@pytest.mark.parametrize("fresh, stored", [
    (claim(1.0), claim(1.5)),
    (claim(1.0, None), claim(1.4, None)),  # the claim's interval is all that is known
    (number(21.0, 2.0, "21"), number(23.0, 2.0, "23")),
    (number(0.25, None, "0.25"), number(0.2500001, None, "0.25")),
    (stream("a 1\n", "b\n"), stream("a 1\nb\n")),
    (shown({"image/png": "aaaa", "text/plain": "Figure"}),
     shown({"image/png": "bbbb", "text/plain": "Figure"})),
    (exercise("ok"), exercise("ok")),
])
def test_runs_that_agree(fresh, stored):
    assert compare(fresh, stored) == []


@pytest.mark.parametrize("fresh, stored, complaint", [
    (claim(1.0), claim(1.6), "some-claim is 1 ± 0.1; stored is 1.6 ± 0.1"),
    (claim(1.0, holds=False), claim(1.0), "does not hold: measured 1"),
    (claim(1.0, None), claim(1.0), "has the error None"),
    (claim(id="other"), claim(), "the claim other where some-claim is stored"),
    (claim(predicted="1 ± 0.5"), claim(predicted="1 ± 0.2"), "stored is"),
    (number(21.0, 0.2, "21.0"), number(23.0, 0.2, "23.0"), "the number n is 21 ± 0.2"),
    (number(0.25, None, "0.25"), number(0.26, None, "0.26"), "the number n is 0.25; stored"),
    (stream("3 of 4"), stream("4 of 4"), "'3 of 4'; stored is '4 of 4'"),
    (shown({"image/png": "a", "text/plain": "Figure"}), shown({"text/plain": "Figure"}), "types"),
    (shown({"text/plain": "A figure"}), shown({"text/plain": "Figure"}), "'A figure'"),
    (exercise("ok"), exercise("open"), "the exercise"),
    (stream("a"), [], "1 outputs; stored are 0"),
    (stream("a"), shown({"text/plain": "a"}), "types"),
    (stream("a"), [new.new_output("error", ename="E", evalue="a", traceback=[])], "stored is one"),
])
def test_runs_that_differ(fresh, stored, complaint):
    [problem] = compare(fresh, stored)
    assert complaint in problem and problem.startswith("cell 2 (measure())")


def test_players_are_not_compared():
    assert compare(stream("3"), stream("4"), [comparison.IGNORE]) == []
    assert compare(stream("3"), stream("4"), ["hide-input"]) != []


def test_the_code_has_to_be_the_stored_one():
    fresh, stored = notebook([]), notebook([])
    fresh.cells[1].source = "something_else()"
    assert list(differences(fresh, stored)) == ["the code is not the stored one"]
