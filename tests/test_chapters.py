"""Every chapter runs, and a fresh run says what is stored."""

import copy

import pytest

from bookkit import chapters, comparison, execute


@pytest.mark.chapter
@pytest.mark.parametrize("path", chapters.paths(), ids=chapters.name_of)
def test_a_fresh_run_says_what_is_stored(path):
    stored = chapters.read(path)
    fresh = copy.deepcopy(stored)
    _, wrong = execute.execute(fresh, path.parent)
    assert wrong == []
    assert list(comparison.differences(fresh, stored)) == []
