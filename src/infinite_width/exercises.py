"""Automatic checks of the exercises.

``exercises.toml``, beside this module, says what each answer must be: a number (or several)
with a relative tolerance, a word, or a function given by some of its values.
"""

import html
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from IPython.display import display


@dataclass(frozen=True)
class Result:
    """The outcome of a check: "ok", "wrong" or "open" (not answered yet)."""

    id: str
    state: str
    message: str

    def __bool__(self) -> bool:
        return self.state == "ok"

    def __repr__(self) -> str:
        mark = {"ok": "✓", "wrong": "✗", "open": "○"}[self.state]
        return f"{mark} {self.id}: {self.message}"

    def _repr_html_(self) -> str:
        return f'<div class="exercise-check {self.state}">{html.escape(repr(self))}</div>'


@cache
def load() -> Mapping[str, Mapping[str, Any]]:
    """The list of exercises, by id."""
    text = resources.files("infinite_width").joinpath("exercises.toml").read_text("utf-8")
    return tomllib.loads(text)


def check(id: str, answer: Any) -> None:
    """Show whether an answer is right; a wrong one gets the exercise's hint.

    Args:
        id: The exercise's name in ``exercises.toml``.
        answer: A number, numbers, a word, or a function; ``...`` while it is open.

    Raises:
        ValueError: There is no such exercise.
    """
    display(grade(id, answer))


def grade(id: str, answer: Any) -> Result:
    """The result that `check` shows.

    Raises:
        ValueError: There is no such exercise.
    """
    exercises = load()
    if id not in exercises:
        raise ValueError(f"id: expected one of the exercises {sorted(exercises)}; got {id!r}")
    exercise = exercises[id]
    if answer is ...:
        return Result(id, "open", "replace ... by your answer.")
    try:
        right = _right(exercise, answer)
    except Exception as error:
        return Result(id, "wrong", f"your answer raised {type(error).__name__}: {error}")
    if right is ...:
        return Result(id, "open", "your function returns ..., fill it in.")
    return Result(id, "ok", "right.") if right else Result(id, "wrong", exercise["hint"])


def _right(exercise, answer):
    if "word" in exercise:
        return str(answer).strip().lower() == exercise["word"]
    if "cases" in exercise:
        results = [(answer(*case["arguments"]), case["value"]) for case in exercise["cases"]]
        if any(result is ... for result, _ in results):
            return ...
        return all(_close(*pair, exercise["tolerance"]) for pair in results)
    return _close(answer, exercise["value"], exercise["tolerance"])


def _close(answer, value, tolerance):
    answer, value = np.asarray(answer, float), np.asarray(value, float)
    scale = np.abs(value).max()
    return answer.shape == value.shape and bool(
        np.all(np.abs(answer - value) <= tolerance * (scale if scale > 0 else 1.0))
    ) and not math.isnan(float(answer.sum()))
