"""Numbers of the prose: digits that the error allows, and when two runs say the same."""

import json
import math

import numpy as np
import pytest

from infinite_width import prose
from infinite_width.measure import Estimate


@pytest.mark.parametrize("value, error, expected", [
    (23.0, 2.0, "23"), (0.0643, 0.004, "0.064"), (0.0643, 0.04, "0.06"), (158.2, 40.0, "160"),
    (1843.0, 950.0, "2000"), (-0.512, 0.03, "−0.51"), (0.5, 0.0097, "0.50"), (0.02, 0.3, "0.0"),
    (-0.02, 0.3, "0.0"), (1e-7, 2e-9, "0.000000100"), (6e5, 1.0, "600000"),
])
def test_the_last_digit_is_the_errors_first(value, error, expected):
    shown = prose.text(Estimate(value, error))
    assert shown == expected
    # Rounding moves the number by less than its error, and the next digit would be noise.
    assert abs(float(shown.replace("−", "-")) - value) < error
    assert prose.text(Estimate(np.float32(value), np.array(error))) == expected


@pytest.mark.parametrize("value, format, expected", [
    (Estimate(-0.42, 0.034), "±", "−0.42 ± 0.03"), (Estimate(0.42, 0.034), "+", "+0.42"),
    (Estimate(0.42, 0.034), ".1f", "0.4"), (Estimate(1843.0, 95.0), ".1e", "1.8e+03"),
    (Estimate(0.421, 0.034), ".0%", "42%"), (Estimate(1843.0, 950.0), "±", "2000 ± 1000"),
    (-0.5, ".2f", "−0.50"), (-0.001, ".2f", "0.00"), (784, "d", "784"), ("seven", None, "seven"),
    (1e-5, ".0e", "1e−05"), (-1e-9, "+.2f", "0.00"),
])
def test_formats(value, format, expected):
    assert prose.text(value, format) == expected


@pytest.mark.parametrize("value, format, message", [
    (Estimate(0.42, 0.034), ".3f", "n: expected a format for at most 2 decimals"),
    (Estimate(0.42, 0.034), ".2%", "n: expected a format for at most 2 decimals"),
    (Estimate(1843.0, 95.0), ".3e", "n: expected a format for at most -2 decimals"),
    (Estimate(0.42, 0.0), None, "n: expected an error above rounding"),
    (Estimate(-0.5, 7.9e-17), None, "n: expected an error above rounding"),
    (Estimate(0.42, math.nan), None, "n: expected a finite error"),
    (Estimate(np.ones(2), np.ones(2)), None, "n: expected a finite number"),
    (0.5, None, "n: expected a format for an exact number"),
    ([0.5, 0.6], ".2f", "n: expected a finite number"),
    (math.inf, ".2f", "n: expected a finite number; got inf"),
])
def test_bad_input(value, format, message):
    with pytest.raises(ValueError, match=message):
        prose.text(value, format, "n")


def test_glue_stores_text_and_number(monkeypatch):
    shown = []
    monkeypatch.setattr(prose, "display", lambda data, **options: shown.append((data, options)))
    prose.glue("slope", Estimate(np.float64(-0.4932), np.float64(0.012)))
    prose.glue("count", np.int64(7), "d")
    prose.glue("word", "seven")
    records = [data.pop(prose.MIME) for data, _ in shown]
    assert json.loads(json.dumps(records)) == [
        {"name": "slope", "value": -0.4932, "error": 0.012, "text": "−0.49"},
        {"name": "count", "value": 7.0, "error": None, "text": "7"},
        {"name": "word", "value": "seven", "error": None, "text": "seven"},
    ]
    # What MyST-NB looks for.
    assert shown[0] == (
        {"application/papermill.record/text/plain": "−0.49"},
        {"raw": True, "metadata": {"scrapbook": {
            "name": "slope", "mime_prefix": "application/papermill.record/"}}})


def record(value, error, text="", name="n"):
    return {"name": name, "value": value, "error": error, "text": text}


@pytest.mark.parametrize("fresh, stored, same", [
    (record(23.0, 2.0), record(21.0, 2.0), True),
    (record(23.0, 2.0), record(14.0, 2.0), False),  # 9 = 4.5 errors, 3.2 of the difference
    (record(23.0, 2.0), record(15.0, 2.0), True),  # 8 = 2.8 errors of the difference
    (record(23.0, 30.0), record(23.0, 2.0), False),  # an error that hides everything
    (record(1.0, None, "1.00"), record(1.001, None, "1.00"), True),
    (record(1.0, None, "1.00"), record(1.006, None, "1.01"), False),
    (record(1.0, 0.5, "1"), record(1.0, None, "1"), False),
    (record(1.0, 0.5, "1"), record(1.0, 0.5, "1", "m"), False),
])
def test_agrees(fresh, stored, same):
    assert prose.agrees(fresh, stored) is same
    assert prose.agrees(stored, fresh) is same
