"""The suite's parts hold every test once, and its last line says what was skipped."""

import subprocess
import sys

import pytest

from bookkit import suite
from bookkit.chapters import ROOT


def collected(*arguments):
    command = [sys.executable, "-m", "pytest", "--collect-only", *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return {line for line in run.stdout.splitlines() if "::" in line}


@pytest.mark.weekly  # it collects four times, and changes with pytest only
def test_parts_hold_every_test():
    groups = suite.parts("test", 1)
    double, single, others, chapters = (
        collected(*(a for a in part.arguments if a != "-v")) for group in groups for part in group)
    assert double == single and single | others | chapters == collected("-m", "not weekly")
    assert len(single) + len(others) + len(chapters) == len(single | others | chapters)


def test_package_tests_are_those_of_its_modules():
    found = suite.package_tests()
    assert "tests/test_kernels.py" in found and "tests/test_site.py" not in found


def test_one_line_says_what_was_skipped(tmp_path):
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_some.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('number', range(3))\n"
        "def test_browser(number): pytest.skip('no Chromium: get it')\n"
        "@pytest.mark.skipif(True, reason='no network')\n"
        "def test_net(): pass\n"
        "def test_fails(): assert False\n")
    part = suite.Part("some", ["-c", "/dev/null", "--rootdir", str(folder), str(folder)])
    [found] = suite.run([[part]], tmp_path)
    assert not found.fine
    assert suite.skips([found]) == "Skipped: 3 (no Chromium: get it); 1 (no network)."
    assert suite.skips([suite.Outcome(True, suite.Counter())]) == "Nothing was skipped."


def test_float64_reaches_the_tests(tmp_path, monkeypatch):
    monkeypatch.delenv("JAX_ENABLE_X64", raising=False)
    (tmp_path / "test_width.py").write_text(
        "import jax.numpy as jnp\ndef test_width(): assert jnp.ones(1).dtype == 'float64'\n")
    double = suite.parts("check", 1)[0][0]
    options = ["-c", "/dev/null", "--rootdir", str(tmp_path), str(tmp_path)]
    found = suite.run([[suite.Part("x", options, double.environment)]], tmp_path)
    assert found[0].fine
    assert not suite.run([[suite.Part("y", options)]], tmp_path)[0].fine
