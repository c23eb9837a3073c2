"""What a student's answer says: numbers and words out of all the forms in which they come."""

import numbers
import re
from collections.abc import Iterator, Mapping, Set
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infinite_width.measure import Estimate


class Unreadable(ValueError):
    """The answer has a form in which none is accepted; the message says which."""


def is_open(answer: Any) -> bool:
    """Whether the answer, or a part of it, is still the stub's ``...``."""
    return answer is ... or (
        isinstance(answer, (list, tuple)) and any(part is ... for part in answer))


def read_numbers(answer: Any, shape: tuple[int, ...]) -> NDArray:
    """The answer as a float array of `shape`, () for a single number.

    Accepts whatever NumPy can convert, fractions, decimals, text such as "1/24", "1,500" and
    "3e-2", an `Estimate` or a pair (value, error) for a single number, and any number of axes
    of length 1.

    Raises:
        Unreadable: It is something else.
    """
    wanted = "a number" if shape == () else f"{shape[0]} numbers"
    if shape == () and isinstance(answer, tuple) and len(answer) == 2:
        answer = Estimate(*answer)
    if isinstance(answer, Estimate):
        answer = answer.value
    _complain(answer, wanted)
    if isinstance(answer, (list, tuple)):
        for part in answer:
            _complain(part, wanted)
        answer = [_from_text(part) if isinstance(part, str) else part for part in answer]
    elif isinstance(answer, str):
        answer = _from_text(answer)
    try:
        array = np.asarray(answer)
        if array.dtype.kind in "bc":
            raise Unreadable(f"expected {wanted}; got {_kinds[array.dtype.kind]}")
        array = array.astype(float)
    except (TypeError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"expected {wanted}; got {_named(answer)}") from None
    squeezed = array.squeeze()
    if shape == (1,) and squeezed.ndim == 0:
        squeezed = squeezed[None]
    if squeezed.shape != shape:
        raise Unreadable(f"expected {wanted}; got an array of shape {array.shape}")
    if np.isnan(squeezed).any():
        raise Unreadable(f"expected {wanted}; got NaN (not a number)")
    return squeezed


def read_word(answer: Any) -> str:
    """The answer in lower case, without quotes, full stop and doubled spaces; True is "yes".

    Raises:
        Unreadable: It is no word.
    """
    if isinstance(answer, (bool, np.bool_)):
        return "yes" if answer else "no"
    if not isinstance(answer, str):
        raise Unreadable(f"expected a word in quotes; got {_named(answer)}")
    return " ".join(re.sub(r"[^\w\s-]", " ", answer.lower()).split())


_kinds = {"b": "True or False", "c": "a complex number"}


def _complain(answer, wanted):
    if answer is None:
        raise Unreadable(f"expected {wanted}; got None (is a `return` missing?)")
    if isinstance(answer, (bool, np.bool_)):
        raise Unreadable(f"expected {wanted}; got {answer}")
    if isinstance(answer, numbers.Complex) and not isinstance(answer, numbers.Real):
        raise Unreadable(f"expected {wanted}; got the complex number {answer}")
    if callable(answer):
        raise Unreadable(f"expected {wanted}; got a function (call it, and pass what it returns)")
    if isinstance(answer, (Mapping, Set, Iterator)):
        raise Unreadable(f"expected {wanted}; got {_named(answer)}")


def _named(answer):
    shown = repr(answer)
    return f"{shown if len(shown) <= 40 else shown[:37] + '...'} ({type(answer).__name__})"


def _from_text(text):
    plain = text.strip().replace("\N{MINUS SIGN}", "-")
    # Only groups of three are thousands: "1,5" may be a decimal comma, so it is refused.
    if re.fullmatch(r"[+-]?\d{1,3}(?:[,_ ]\d{3})+(?:\.\d*)?", plain):
        plain = re.sub(r"[,_ ]", "", plain)
    try:
        return float(Fraction(plain.replace(" ", "")))
    except (ValueError, ZeroDivisionError):
        raise Unreadable(f"expected a number; got the text {text!r}") from None
