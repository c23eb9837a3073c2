"""The examples in the package's docstrings print what they say."""

import doctest
import importlib
import importlib.util
import pkgutil

import pytest

import infinite_width

MODULES = [name for _, name, _ in pkgutil.iter_modules(infinite_width.__path__)]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if "neural_tangents" in name and importlib.util.find_spec("neural_tangents") is None:
        pytest.skip("the optional package neural-tangents is not installed")
    module = importlib.import_module(f"infinite_width.{name}")
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert not failed


def test_the_opening_page_names_every_module():
    public = [name for name in MODULES if not name.startswith("_")]
    assert [name for name in public if f"``{name}``" not in infinite_width.__doc__
            and f"``infinite_width.{name}``" not in infinite_width.__doc__] == []
