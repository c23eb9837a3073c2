"""Automatic checks accept what is right and reject stubs and slips."""

import pytest

from infinite_width import exercises

LIST = {
    "number": dict(value=2.0, tolerance=0.01, hint="Halve it."),
    "numbers": dict(value=[1.0, 2.0], tolerance=0.01, hint="Two of them."),
    "zero": dict(value=0.0, tolerance=0.01, hint="Nothing."),
    "word": dict(word="linear", hint="Straight."),
    "function": dict(cases=[dict(arguments=[1.0], value=2.0), dict(arguments=[3.0], value=6.0)],
                     tolerance=1e-6, hint="Double it."),
}


@pytest.fixture(autouse=True)
def small_list(monkeypatch):
    monkeypatch.setattr(exercises, "load", lambda: LIST)


def failing(x):
    raise KeyError("x")


@pytest.mark.parametrize("id, answer, state", [
    ("number", 2.01, "ok"), ("number", 2.1, "wrong"), ("number", ..., "open"),
    ("number", float("nan"), "wrong"), ("number", "two", "wrong"), ("number", [2.0], "wrong"),
    ("numbers", [1, 2], "ok"), ("numbers", [2, 1], "wrong"),
    ("zero", 0.001, "ok"), ("zero", 0.1, "wrong"),
    ("word", " Linear ", "ok"), ("word", "cubic", "wrong"), ("word", ..., "open"),
    ("function", lambda x: 2 * x, "ok"), ("function", lambda x: x + 1, "wrong"),
    ("function", lambda x: ..., "open"), ("function", failing, "wrong"),
])
def test_grade(id, answer, state):
    result = exercises.grade(id, answer)
    assert result.state == state
    assert bool(result) == (state == "ok")
    assert f'class="exercise-check {state}"' in result._repr_html_()


def test_wrong_answers_get_the_hint_and_errors_their_name():
    assert "Halve it." in repr(exercises.grade("number", 3.0))
    assert "KeyError" in repr(exercises.grade("function", failing))


def test_unknown_exercise():
    with pytest.raises(ValueError, match="id: expected one of the exercises .* got 'none'"):
        exercises.check("none", 1)
