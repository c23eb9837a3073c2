"""How the chapters are compared with what is stored.

nbval executes each chapter and compares texts exactly. Machines differ in the last digits, so
a number may also differ by a few units of its last printed digit, or by 2 %; what a number
must be, its claim says.
"""

import re

import pytest
from nbval.plugin import IPyNbCell

from bookkit.site import build

NUMBER = re.compile(r"[-−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
RELATIVE = 0.02
LAST_DIGITS = 3


def _value(text):
    return float(text.replace("−", "-"))


def _unit(text):
    mantissa, _, exponent = text.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - decimals)


def _same(fresh, stored):
    if "." not in stored and "e" not in stored:
        return fresh == stored
    difference = abs(_value(fresh) - _value(stored))
    return difference <= max(LAST_DIGITS * _unit(stored), RELATIVE * abs(_value(stored)))


def align(fresh, stored):
    """The stored text if the fresh one says the same up to rounding, else the fresh one."""
    numbers = NUMBER.findall(fresh), NUMBER.findall(stored)
    same = (
        NUMBER.sub("#", fresh) == NUMBER.sub("#", stored)
        and len(numbers[0]) == len(numbers[1])
        and all(map(_same, *numbers))
    )
    return stored if same else fresh


def _align_output(fresh, stored):
    if "text" in fresh and "text" in stored:
        fresh["text"] = align(fresh["text"], stored["text"])
    for mime, text in fresh.get("data", {}).items():
        reference = stored.get("data", {}).get(mime)
        if isinstance(text, str) and isinstance(reference, str) and mime != "image/png":
            fresh["data"][mime] = align(text, reference)
    return fresh


@pytest.fixture(autouse=True, scope="session")
def tolerate_rounding():
    """Let nbval compare texts up to rounding."""
    exact = IPyNbCell.compare_outputs

    def compare(self, test, ref, skip_compare=None):
        if len(test) == len(ref):
            test = [_align_output(*pair) for pair in zip(test, ref, strict=True)]
        return exact(self, test, ref, skip_compare)

    IPyNbCell.compare_outputs = compare
    yield
    IPyNbCell.compare_outputs = exact


@pytest.fixture(scope="session")
def site():
    """The folder of the website, built once for all tests that look at it."""
    status, _, folder = build()
    if status:
        pytest.fail("the site does not build: tests/test_site.py says why", pytrace=False)
    return folder
