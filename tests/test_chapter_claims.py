"""Chapters check what the list of claims says, and show it."""

from collections import Counter

import pytest

from bookkit import chapters, rules
from infinite_width import claims


def test_every_claim_is_checked_in_exactly_one_chapter_and_the_reverse():
    checked = Counter()
    for name, path in zip(chapters.names(), chapters.paths()):
        for id in set(rules.claims_checked(chapters.read(path))):
            checked[id] += 1
            assert id in claims.load(), f"{name} checks {id}, which is not in claims.toml"
            assert claims.load()[id].chapter == name
    assert checked == Counter(claims.load().keys())


@pytest.mark.parametrize("path", chapters.paths(), ids=chapters.name_of)
def test_stored_cards_say_what_the_list_says(path):
    """A claim that changed after the chapter was executed shows here."""
    chapter = chapters.read(path)
    stored = {data[claims.MIME]["id"]: data for data in (
        output.get("data", {}) for output in rules.outputs(chapter)) if claims.MIME in data}
    for id in rules.claims_checked(chapter):
        record = stored[id][claims.MIME]
        assert record["holds"]
        card = claims.Card(claims.load()[id], record["value"], record["error"])
        assert stored[id]["text/plain"] == repr(card)
        assert stored[id]["text/html"] == card._repr_html_()
