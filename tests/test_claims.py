"""The list of claims obeys its rules, each rule is shown to fail, and chapters match it."""

from collections import Counter

import pytest

from bookkit import rules as notebooks
from infinite_width import claims

GOOD = dict(chapter="part/name", statement="Something falls.", source="Somebody 2020",
            predicted=-0.5, tolerance=0.1, basis="A sentence of theory.",
            rival={"value": 0.0, "says": "it does not"})


def entry(**changes):
    merged = {**GOOD, **changes}
    return {k: v for k, v in merged.items() if v is not None}


def test_the_list_obeys_the_rules():
    assert len(claims.load()) > 0


@pytest.mark.parametrize("changes, complaint", [
    (dict(statement=None), "a text 'statement'"),
    (dict(source=" "), "a text 'source'"),
    (dict(colour="red"), "no fields other than"),
    (dict(predicted=None, tolerance=None), "exactly one of"),
    (dict(above=1.0), "exactly one of"),
    (dict(tolerance=None), "a 'tolerance' with 'predicted'"),
    (dict(predicted=None, above=1.0), "a 'tolerance' with 'predicted'"),
    (dict(tolerance=-0.1), "a positive tolerance"),
    (dict(rival={"value": 0.0}), "rival = "),
    (dict(rival={"value": -0.45, "says": "close"}), "a rival outside"),
    (dict(tolerance=0.5), "a rival outside"),
    (dict(predicted=None, tolerance=None, above=1.0, rival={"value": 2.0, "says": "more"}),
     "a rival outside"),
    (dict(predicted=None, tolerance=None, below=1.0, rival={"value": 0.0, "says": "less"}),
     "a rival outside"),
    (dict(basis="seeds"), "at least 5 'seeds'"),
    (dict(basis="seeds", spread=0.01, seeds=4), "at least 5 'seeds'"),
    (dict(basis="seeds", spread=0.05, seeds=5), "at least 3 spreads"),
    (dict(basis="tuned"), "a basis in words"),
    (dict(spread=0.01, seeds=5), "a basis in words"),
])
def test_each_rule_can_fail(changes, complaint):
    assert claims.parse("good", entry()).predicted == -0.5
    with pytest.raises(ValueError, match=complaint):
        claims.parse("bad", entry(**changes))


def test_every_claim_is_checked_in_exactly_one_chapter_and_the_reverse():
    checked = Counter()
    for name, path in zip(notebooks.NAMES, notebooks.CHAPTERS):
        for id in set(notebooks.claims_checked(notebooks.read(path))):
            checked[id] += 1
            assert id in claims.load(), f"{name} checks {id}, which is not in claims.toml"
            assert claims.load()[id].chapter == name
    assert checked == Counter(claims.load().keys())


@pytest.mark.parametrize("path", notebooks.CHAPTERS, ids=notebooks.NAMES)
def test_stored_cards_say_what_the_list_says(path):
    """A claim that changed after the chapter was executed shows here."""
    chapter = notebooks.read(path)
    cards = {}
    for output in notebooks.outputs(chapter):
        shown = output.get("data", {}).get("text/plain", "")
        if "; predicted " in shown:
            cards[shown.split()[1].rstrip(":")] = shown
    for id in notebooks.claims_checked(chapter):
        claim = claims.load()[id]
        assert cards[id].startswith("✓")
        assert f"; predicted {claim.expectation}; ruled out " in cards[id]
        assert cards[id].endswith(f"({claim.rival})")


@pytest.fixture
def one_claim(monkeypatch):
    shown = []
    monkeypatch.setattr(claims, "load", lambda: {
        "two-sided": claims.parse("two-sided", entry()),
        "above": claims.parse("above", entry(predicted=None, tolerance=None, above=1.0)),
        "below": claims.parse("below", entry(predicted=None, tolerance=None, below=-1.0)),
    })
    monkeypatch.setattr(claims, "display", lambda *a, **k: shown.append((a, k)))
    return shown


@pytest.mark.parametrize("id, good, bad", [
    ("two-sided", -0.59, -0.61), ("above", 1.01, 0.99), ("below", -1.01, -0.99),
])
def test_check_shows_a_card_and_stops_a_failure(one_claim, id, good, bad):
    claims.check(id, good, 0.01)
    assert repr(one_claim[0][0][0]).startswith(f"✓ {id}: measured ")
    assert f'id="claim-{id}"' in one_claim[0][0][0]._repr_html_()
    with pytest.raises(claims.ClaimError, match=f"✗ {id}"):
        claims.check(id, bad)
    assert len(one_claim) == 2, "the card of a failed claim is shown too"


def test_a_compact_card_says_the_same_without_its_source(one_claim):
    claims.check("two-sided", -0.5, 0.01)
    claims.check("two-sided", -0.5, 0.01, compact=True)
    full, compact = (arguments[0] for arguments, _ in one_claim)
    assert repr(compact) == repr(full)
    assert "Somebody 2020" in full._repr_html_()
    assert "Somebody 2020" not in compact._repr_html_()
    assert 'class="claim compact" id="claim-two-sided"' in compact._repr_html_()
    with pytest.raises(claims.ClaimError):
        claims.check("two-sided", 0.0, compact=True)


def test_an_error_that_blurs_the_rival_fails(one_claim):
    with pytest.raises(claims.ClaimError):
        claims.check("two-sided", -0.5, 0.3)


def test_bad_input(one_claim):
    with pytest.raises(ValueError, match="id: expected one of the claims .* got 'nothing'"):
        claims.check("nothing", 1.0)
    with pytest.raises(ValueError, match="measured: expected a finite number; got nan"):
        claims.check("two-sided", float("nan"))
    with pytest.raises(ValueError, match="error: expected a finite number"):
        claims.check("two-sided", -0.5, float("inf"))
    with pytest.raises(ValueError, match="chapter: expected one of"):
        claims.table("no/such")
    with pytest.raises(ValueError, match="value: expected a finite number for 'n'"):
        claims.glue("n", float("nan"))


def test_table_and_glue(one_claim):
    assert len(claims.table("part/name").claims) == 3
    assert "<table>" in claims.table()._repr_html_() and "two-sided" in repr(claims.table())
    claims.glue("slope", -0.5, ".2f")
    (data,), options = one_claim[-1]
    assert data == {"application/papermill.record/text/plain": "−0.50"}
    assert options["metadata"]["scrapbook"]["name"] == "slope"
