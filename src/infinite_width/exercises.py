"""Automatic checks of the exercises.

``exercises.toml``, beside this module, says what each answer must be: a number or several, a
word, or a function, which is compared with a reference at given and at random arguments.
"""

import copy
import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from IPython.display import display

from infinite_width import _listing, _reference_functions
from infinite_width._answers import Unreadable, is_open, read_numbers, read_word
from infinite_width._time_limit import OutOfTime, time_limit

MIME = "application/vnd.infinite-width.exercise+json"
"""Type of the JSON {"id", "state"} of a result."""

SECONDS = 20.0
"""How long an answer may run. Compiled code cannot be interrupted, nor anything on Windows."""

RANDOM_POINTS = 5


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

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": self._repr_html_(),
                MIME: {"id": self.id, "state": self.state}}


@cache
def _list() -> Mapping[str, Mapping[str, Any]]:
    return _listing.read("exercises.toml")


def load() -> dict[str, dict[str, Any]]:
    """A copy of the list of exercises, by id: changing it changes no check."""
    return copy.deepcopy(dict(_list()))


def check(id: str, answer: Any, *, hint: int = 1) -> None:
    """Show whether an answer is right; a wrong one gets a hint.

    Args:
        id: The exercise's name in ``exercises.toml``.
        answer: A number, numbers, a word, or a function; ``...`` while it is open.
        hint: Which hint a wrong answer gets. The first is a nudge, the next ones say more.

    Raises:
        ValueError: There is no such exercise, or `hint` is below 1.

    Example:
        >>> check("lrt-octaves", "4096/256")
        ✓ lrt-octaves: right.
        >>> check("lrt-octaves", ...)
        ○ lrt-octaves: replace ... by your answer.
    """
    display(grade(id, answer, hint=hint))


def grade(id: str, answer: Any, *, hint: int = 1) -> Result:
    """The result that `check` shows.

    Whatever the answer's code does is contained: errors and exits are reported, and after
    `SECONDS` it is stopped. Only an interruption by the user goes through.

    Raises:
        ValueError: There is no such exercise, or `hint` is below 1.
    """
    exercise = copy.deepcopy(_listing.entry("exercises", _list(), id))
    if hint < 1:
        raise ValueError(f"hint: expected an integer >= 1; got {hint!r}")
    try:
        with time_limit(SECONDS), np.errstate(all="ignore"):
            problem = _problem(exercise, answer)
    except Unreadable as error:
        return Result(id, "wrong", f"{error}.")
    except OutOfTime:
        return Result(id, "wrong", f"your answer ran for more than {SECONDS:g} s and was stopped.")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit: no answer ends the notebook
        return Result(id, "wrong", f"your answer raised {type(error).__name__}: {error}")
    if problem is None:
        return Result(id, "ok", "right.")
    if problem is ...:
        return Result(id, "open", "replace ... by your answer.")
    hints = exercise["hints"]
    more = (f' Another hint: exercises.check("{id}", …, hint={hint + 1}).'
            if hint < len(hints) else "")
    return Result(id, "wrong", f"{problem}{hints[min(hint, len(hints)) - 1]}{more}")


def _problem(exercise, answer):
    """None if the answer is right, ``...`` if it is open, else what to say before the hint."""
    if is_open(answer):
        return ...
    if "word" in exercise:
        word = read_word(answer)
        if word not in (choices := exercise["choices"]):
            raise Unreadable(f"expected one of {', '.join(dict.fromkeys(choices.values()))}; "
                             f"got {answer!r}")
        return None if choices[word] == exercise["word"] else ""
    if "function" in exercise:
        return _problem_of_function(exercise, answer)
    value = np.asarray(exercise["value"], float)
    if exercise.get("rest_ignored") and isinstance(answer, (list, tuple)):
        answer = list(answer)[:len(value)]
    return None if _close(read_numbers(answer, value.shape), value, exercise["tolerance"]) else ""


def _problem_of_function(exercise, answer):
    if not callable(answer):
        raise Unreadable(f"expected a function; got {answer!r} (pass the function by its name, "
                         "without calling it)")
    reference = getattr(_reference_functions, exercise["function"])
    random = np.random.default_rng()  # new points every time: no table of answers passes
    points = exercise["points"] + [
        [_drawn(random, law) for law in exercise["random"]] for _ in range(RANDOM_POINTS)]
    for point in points:
        value = np.asarray(reference(*map(_argument, point)), float)
        call = f"{getattr(answer, '__name__', 'your function')}({', '.join(map(_shown, point))})"
        try:
            result = answer(*map(_argument, point))
            if is_open(result):
                return ...
            numbers = read_numbers(result, value.shape)
        except Unreadable as error:
            raise Unreadable(f"{call}: {error}") from None
        except Exception as error:
            raise Unreadable(f"{call} raised {type(error).__name__}: {error}") from None
        if not _close(numbers, value, exercise["tolerance"], least_scale=1.0):
            return f"{call} returns {_shown(numbers.tolist())}, which is not right. "
    return None


def _argument(value):
    """A fresh argument: an array for a list, an int, or a float that has NumPy's methods."""
    if isinstance(value, list):
        return np.array(value)
    return value if isinstance(value, int) else np.float64(value)


def _drawn(random, law):
    if isinstance(law, Mapping):
        low, high = law["bits"]
        return random.integers(0, 2, 2 ** random.integers(low, high + 1)).tolist()
    low, high = law
    if isinstance(low, int):
        return int(random.integers(low, high + 1))
    return round(random.uniform(low, high), 3)


def _shown(value):
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return f"{value:.6g}"


def _close(numbers, value, tolerance, least_scale=0.0):
    scale = max(np.abs(value).max(), least_scale) or 1.0
    # A rounding on top, so that a whole number computed in floats meets a tolerance of zero.
    return bool((np.abs(numbers - value) <= tolerance * scale + 1e-9 * scale).all())
