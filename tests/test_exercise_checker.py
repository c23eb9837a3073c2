"""The checker of exercises: states, messages, hints, and what it contains."""

import json
import time
import warnings

import jax
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter

from infinite_width import _reference_functions, exercises

SMALL = {
    "number": dict(value=2.0, tolerance=0.01, hints=["Halve it.", "Once more."]),
    "zero": dict(value=0, tolerance=0.01, hints=["Nothing."]),
    "whole": dict(value=1026, tolerance=0, hints=["Count."]),
    "numbers": dict(value=[1.0, 2.0], tolerance=0.01, hints=["Two of them."]),
    "word": dict(word="no", choices={"no": "no", "not at all": "no", "yes": "yes"},
                 hints=["Think."]),
    "function": dict(function="double", points=[[1.0], [3.0]], random=[[0.0, 9.0]],
                     tolerance=1e-6, hints=["Double it."]),
    "array": dict(function="flip", points=[[[0, 1]]], random=[{"bits": [1, 3]}],
                  tolerance=1e-6, hints=["1 - bits."]),
}


@pytest.fixture
def small_list(monkeypatch):
    monkeypatch.setattr(exercises, "_list", lambda: SMALL)
    monkeypatch.setattr(_reference_functions, "double", lambda x: 2 * x, raising=False)
    monkeypatch.setattr(_reference_functions, "flip", lambda bits: (1 - bits).mean(),
                        raising=False)


def no_return(x):
    2 * x


def failing(x):
    raise KeyError("x")


def leaving(x):
    raise SystemExit(0)


@pytest.mark.parametrize("id, answer, expected", [
    ("number", 2.01, "ok"), ("number", 2.1, "wrong"), ("number", ..., "open"),
    ("zero", 0.001, "ok"), ("zero", 0.1, "wrong"), ("whole", 1026.0, "ok"),
    ("whole", 0.9 * 1140, "ok"), ("whole", 1025.9, "wrong"),
    ("numbers", [1, 2], "ok"), ("numbers", [2, 1], "wrong"), ("numbers", [1, ...], "open"),
    ("word", False, "ok"), ("word", np.bool_(False), "ok"), ("word", True, "wrong"),
    ("word", "Not at all.", "ok"), ("word", ..., "open"), ("word", 0, "wrong"),
    ("function", lambda x: 2 * x, "ok"), ("function", lambda x: x + 1, "wrong"),
    ("function", jax.jit(lambda x: 2 * x), "ok"), ("function", lambda x: ..., "open"),
    ("array", lambda bits: (bits == 0).mean(), "ok"), ("array", lambda bits: 0.5, "wrong"),
])
def test_grade(small_list, id, answer, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jax: float64 becomes float32
        result = exercises.grade(id, answer)
    assert result.state == expected and bool(result) == (expected == "ok")
    data, _ = DisplayFormatter().format(result)
    assert f'class="exercise-check {expected}"' in data["text/html"]
    assert json.dumps(data[exercises.MIME]) == json.dumps({"id": id, "state": expected})


@pytest.mark.parametrize("id, answer, message", [
    ("number", None, "expected a number; got None (is a `return` missing?)"),
    ("number", float("nan"), "expected a number; got NaN"),
    ("number", True, "expected a number; got True"),
    ("number", np.True_, "expected a number; got True"),
    ("number", np.array(True), "expected a number; got True or False"),
    ("number", 2 + 0j, "expected a number; got the complex number"),
    ("number", np.array([2 + 0j]), "expected a number; got a complex number"),
    ("number", "two", "expected a number; got the text 'two'"),
    ("number", "2,0", "expected a number; got the text '2,0'"),
    ("number", "1/0", "expected a number; got the text '1/0'"),
    ("number", [2.0, 2.0], "expected a number; got an array of shape (2,)"),
    ("number", lambda: 2.0, "expected a number; got a function (call it"),
    ("number", {"a": 2}, "expected a number; got {'a': 2} (dict)"),
    ("number", iter([2]), "expected a number; got <list_iterator"),
    ("number", object, "expected a number; got a function"),
    ("numbers", 1.0, "expected 2 numbers; got an array of shape ()"),
    ("numbers", [1.0, None], "expected 2 numbers; got None"),
    ("numbers", [[1, 2], [3]], "expected 2 numbers; got"),
    ("word", None, "expected a word in quotes; got None (NoneType)"),
    ("word", "perhaps", "expected one of no, yes; got 'perhaps'"),
    ("function", 2.0, "expected a function; got 2.0 (pass the function by its name"),
    ("function", no_return, "no_return(1): expected a number; got None (is a `return`"),
    ("function", failing, "failing(1) raised KeyError: 'x'"),
    ("function", lambda: 2.0, "<lambda>(1) raised TypeError"),
    ("function", lambda x: x + 1, "<lambda>(3) returns 4, which is not right. Double it."),
    ("function", lambda x: [x, x], "<lambda>(1): expected a number; got an array of shape (2,)"),
    ("function", lambda x: np.log(-x), "<lambda>(1): expected a number; got NaN"),
    ("array", lambda bits: bits, "<lambda>([0, 1]): expected a number; got an array of shape (2,)"),
    ("function", leaving, "your answer raised SystemExit"),
])
def test_messages(small_list, id, answer, message):
    result = exercises.grade(id, answer)
    assert result.state == "wrong" and message in result.message


def test_hints_come_one_after_the_other(small_list):
    first, second, third = (exercises.grade("number", 3, hint=k).message for k in (1, 2, 3))
    assert first == 'Halve it. Another hint: exercises.check("number", …, hint=2).'
    assert second == third == "Once more."
    for hint in (0, -1):
        with pytest.raises(ValueError, match="hint: expected an integer >= 1"):
            exercises.grade("number", 3, hint=hint)


def endless(x):
    while True:
        try:
            time.sleep(0.001)
        except Exception:
            pass


def test_an_endless_answer_is_stopped(small_list, monkeypatch):
    monkeypatch.setattr(exercises, "SECONDS", 0.05)
    begin = time.monotonic()
    assert "was stopped" in exercises.grade("function", endless).message
    assert time.monotonic() - begin < 5
    assert exercises.grade("number", 2).state == "ok"
    time.sleep(0.2)  # no timer is left behind


def test_an_interruption_by_the_user_goes_through(small_list):
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exercises.grade("function", interrupted)


def test_changing_the_list_changes_no_check():
    exercises.load()["two-outputs"]["value"] = 9
    assert exercises.grade("two-outputs", 9).state == "wrong"
    assert exercises.load()["two-outputs"]["value"] != 9


@pytest.mark.parametrize("id, near", [("two-output", "two-outputs"), ("none", None)])
def test_an_unknown_exercise(id, near):
    with pytest.raises(ValueError, match="id: expected one of the book's exercises") as caught:
        exercises.check(id, 1)
    assert near is None or repr(near) in str(caught.value)
    assert len(str(caught.value)) < 200
