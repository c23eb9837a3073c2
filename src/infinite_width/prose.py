"""Numbers of a run for the prose, printed to the digits that their errors allow.

A chapter calls `glue`; the text shows the number by ``{glue:text}``. Beside the text the
output stores value and error, so that `agrees` can compare two runs.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from IPython.display import display
from numpy.typing import ArrayLike

from infinite_width import _validate
from infinite_width.measure import Estimate

MIME = "application/vnd.infinite-width.number+json"
"""Type of the JSON {"name", "value", "error", "text"} beside a number's text."""

_PREFIX = "application/papermill.record/"  # where MyST-NB looks for what is glued


def glue(name: str, value: Estimate | ArrayLike | str, format: str | None = None) -> None:
    """Store a number of this run, or a word, for the prose.

    Args:
        name: Its name in the text.
        value: A measured number as an `Estimate`; an exact number; or a word.
        format: For an exact number a format specification, such as ".2f", needed. For an
            `Estimate` none is needed (see `text`); "+" shows the sign, "±" the error too, and
            a specification may print fewer digits.

    Raises:
        ValueError: See `text`.
    """
    shown = text(value, format, name)
    number, error = value if isinstance(value, Estimate) else (value, None)

    def plain(part):
        kept = part is None or isinstance(part, str)
        return part if kept else float(_validate.number(name, part))

    record = {"name": name, "value": plain(number), "error": plain(error), "text": shown}
    display({_PREFIX + "text/plain": shown, MIME: record}, raw=True,
            metadata={"scrapbook": {"name": name, "mime_prefix": _PREFIX}})


def text(value: Estimate | ArrayLike | str, format: str | None = None, name: str = "value") -> str:
    """A number as it is printed in the prose, with a real minus sign.

    The last digit of a measured number is the first significant digit of its error: beyond
    it, another machine or seed would print something else.

    Args:
        value: As in `glue`.
        format: As in `glue`.
        name: Its name, for messages.

    Raises:
        ValueError: The value is not finite or no single number, an exact number has no format,
            an error is zero or mere rounding, or the format prints more digits than the error
            allows.

    Example:
        >>> text(Estimate(0.0643, 0.004)), text(Estimate(23.4, 2.1)), text(Estimate(1843.0, 95.0))
        ('0.064', '23', '1800')
        >>> text(Estimate(0.0643, 0.004), "±"), text(Estimate(0.0643, 0.004), "+")
        ('0.064 ± 0.004', '+0.064')
        >>> text(100 * Estimate(0.0643, 0.004)), text(2 / 3, ".2f")
        ('6.4', '0.67')
    """
    if isinstance(value, str):
        return value
    number, error = value if isinstance(value, Estimate) else (value, None)
    number = _validate.number(name, number)
    if error is None:
        if format is None:
            raise ValueError(f"{name}: expected a format for an exact number, such as '.2f', or "
                             f"an Estimate with its error; got {number}")
        return _minus(f"{number:{format}}")
    error = _validate.number(name, error, "error")
    if error <= 1e-12 * abs(number):
        raise ValueError(f"{name}: expected an error above rounding; got {error} (pass an exact "
                         "number as a number, with a format)")
    decimals = -int(f"{error:.0e}".partition("e")[2])
    if format not in (None, "+", "±"):
        shown = f"{number:{format}}"
        if _decimals(shown) > decimals:
            raise ValueError(f"{name}: expected a format for at most {decimals} decimals, as the "
                             f"error is {error:.2g}; got {format!r}, which prints {shown}")
        return _minus(shown)

    def rounded(x, sign=""):
        # Adding 0.0 turns a negative zero into a zero.
        return _minus(f"{round(float(x), decimals) + 0.0:{sign}.{max(decimals, 0)}f}")

    if format == "±":
        return f"{rounded(number)} ± {rounded(error)}"
    return rounded(number, format or "")


def _minus(shown):
    zero = re.fullmatch(r"-(0\.?0*)", shown)
    return zero[1] if zero else shown.replace("-", "\N{MINUS SIGN}")


def _decimals(shown):
    """Decimals of a printed number; of "1.2e+03" they are -2."""
    mantissa, _, exponent = shown.rstrip("%").lower().partition("e")
    percent = 2 if shown.endswith("%") else 0
    return len(mantissa.partition(".")[2]) + percent - int(exponent or 0)


def agrees(fresh: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Whether a fresh run's number says the same as a stored one.

    Exact numbers and words must print the same text. Measured ones may differ by three
    standard errors of their difference, and their errors by a factor of five: rounding
    differs between machines, and training amplifies it.

    Args:
        fresh: The JSON that `glue` stored in one run.
        stored: That of another.

    Example:
        >>> stored = {"name": "s", "value": 23.0, "error": 2.0, "text": "23"}
        >>> agrees({**stored, "value": 21.0, "text": "21"}, stored)
        True
        >>> agrees({"name": "c", "value": 21.0, "error": None, "text": "21"}, stored)
        False
    """
    if fresh["name"] != stored["name"]:
        return False
    errors = fresh["error"], stored["error"]
    if None in errors:
        return errors == (None, None) and fresh["text"] == stored["text"]
    difference = abs(fresh["value"] - stored["value"])
    return difference <= 3 * math.hypot(*errors) and max(errors) <= 5 * min(errors)
