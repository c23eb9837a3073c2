"""The list of claims obeys its rules, each rule can fail, and cards say what they should."""

import json
import re

import jax.numpy as jnp
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter

from infinite_width import claims, typeset
from infinite_width.measure import Estimate

GOOD = dict(chapter="part/name", statement="Something falls.", source="Somebody 2020",
            evidence="networks", predicted=-0.5, tolerance=0.1, basis="A sentence of theory.",
            rival={"value": 0.0, "says": "it does not"})


def entry(**changes):
    merged = {**GOOD, **changes}
    return {k: v for k, v in merged.items() if v is not None}


def test_the_list_obeys_the_rules():
    assert len(claims.load()) > 0


def test_three_claims_in_five_rest_on_networks():
    listed = claims.load().values()
    assert sum(claim.evidence == "networks" for claim in listed) >= 0.6 * len(listed)


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
    (dict(evidence="hearsay"), "'evidence' among"),
    (dict(evidence=None), "'evidence' among"),
    (dict(confirmed=[1, 2, 3, 4, 4]), "at least 5 seeds"),
])
def test_each_rule_can_fail(changes, complaint):
    assert claims.parse("good", entry()).predicted == -0.5
    with pytest.raises(ValueError, match=complaint):
        claims.parse("bad", entry(**changes))


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
    claims.check(id, Estimate(good, 0.01))
    assert repr(one_claim[0][0][0]).startswith(f"✓ {id}: measured ")
    assert f'id="claim-{id}"' in one_claim[0][0][0]._repr_html_()
    with pytest.raises(claims.ClaimError, match=f"✗ {id}"):
        claims.check(id, bad)
    assert len(one_claim) == 2, "the card of a failed claim is shown too"


def test_claims_can_be_recorded_without_a_stop(one_claim, monkeypatch):
    monkeypatch.setenv("INFINITE_WIDTH_CLAIMS", "record")
    claims.check("two-sided", 0.0)
    assert repr(one_claim[0][0][0]).startswith("✗ two-sided")


@pytest.mark.parametrize("evidence, says", [
    ("networks", "measured −0.5 on networks; predicted"),
    ("two-ways", "measured −0.5 in two ways; predicted"),
    ("model", "measured −0.5 on a model; predicted"),
])
def test_the_card_says_on_what_it_rests(evidence, says):
    card = claims.Card(claims.parse("x", entry(evidence=evidence)), -0.5)
    assert says in repr(card)
    assert f"measured <b>−0.5</b>{card.on}</span>" in card._repr_html_()


@pytest.mark.parametrize("id, value, error, outcome, says", [
    ("two-sided", -0.5, 0.01, "holds", "ruled out 0 (it does not)"),
    ("two-sided", -0.2, 0.01, "outside", "outside the tolerance; rival 0 (it does not)"),
    ("two-sided", -0.2, None, "outside", "outside the tolerance; rival 0 (it does not)"),
    ("two-sided", -0.5, 0.3, "undecided",
     "undecided: the error is too large to tell −0.5 from 0 (it does not)"),
    ("two-sided", -0.3, 0.3, "undecided",
     "undecided: the error is too large to tell −0.5 from 0 (it does not)"),
    ("two-sided", 0.05, 0.1, "outside", "outside the tolerance; rival 0 (it does not)"),
    ("above", 1.01, 0.6, "undecided",
     "undecided: the error is too large to tell 1.01 from 0 (it does not)"),
    ("above", 0.9, 0.1, "outside", "outside the bound; rival 0 (it does not)"),
    ("below", -1.1, 0.1, "holds", "ruled out 0 (it does not)"),
])
def test_outcomes_are_told_apart(one_claim, id, value, error, outcome, says):
    try:
        claims.check(id, value if error is None else Estimate(value, error))
    except claims.ClaimError as failure:
        assert outcome != "holds" and str(failure) == repr(one_claim[0][0][0])
    else:
        assert outcome == "holds"
    card = one_claim[0][0][0]
    assert card.outcome == outcome
    assert repr(card).endswith(says)
    bundle = card._repr_mimebundle_()
    assert bundle["text/plain"] == repr(card) and bundle["text/html"] == card._repr_html_()
    assert json.loads(json.dumps(bundle[claims.MIME])) == {
        "id": id, "value": value, "error": error, "holds": outcome == "holds", "outcome": outcome}


def test_the_card_carries_full_precision(one_claim):
    claims.check("two-sided", Estimate(np.float64(-1.5 / 3.1), jnp.float32(0.1)))
    record = one_claim[0][0][0]._repr_mimebundle_()[claims.MIME]
    assert record["value"] == -1.5 / 3.1 and record["error"] == float(np.float32(0.1))


def test_ipython_shows_all_three_forms():
    card = claims.Card(claims.parse("good", entry()), -0.5)
    data, _ = DisplayFormatter().format(card)
    assert set(data) == {"text/plain", "text/html", claims.MIME}


def test_mathematics_is_typeset_in_html_and_kept_in_text():
    claim = claims.parse("good", entry(
        statement="Falls like $n^{-1/2}$, <fast>.", source="Derived from $\\phi$",
        rival={"value": 0.0, "says": "it is $1/n$"}))
    card = claims.Card(claim, -0.5)
    html = card._repr_html_()
    assert html.count("<math") == 3 and "$" not in html and "&lt;fast&gt;" in html
    assert repr(card).endswith("(it is $1/n$)")


def test_every_text_of_the_list_can_be_typeset():
    for claim in claims.load().values():
        for text in (claim.statement, claim.source, claim.rival, claim.basis):
            assert "$" not in typeset.html(text)
            outside = re.sub(r"\$[^$]*\$", "", text)
            assert not re.search(r"[\^\\]|sqrt|muP|\d[eE]-\d|\b(pi|eta|kappa|alpha)\b", outside), (
                f"{claim.id}: mathematics that is not between dollars: {text}")


@pytest.mark.parametrize("id, near", [
    ("kurtosis-slop", ["kurtosis-slope"]), ("deep-kernel", ["deep-kernel-error"]), ("", []),
])
def test_an_unknown_id_is_answered_with_near_ones(id, near):
    with pytest.raises(ValueError, match="^id: expected one of the book's claims") as caught:
        claims.check(id, 1.0)
    assert all(repr(name) in str(caught.value) for name in near)
    assert len(str(caught.value)) < 200


def test_bad_input(one_claim):
    with pytest.raises(ValueError, match="measured: expected a finite number; got nan"):
        claims.check("two-sided", float("nan"))
    with pytest.raises(ValueError, match="measured: expected a finite number"):
        claims.check("two-sided", Estimate(np.ones(2), np.ones(2)))
    for no_number in ([-0.5, 0.1], "-0.5", None):
        with pytest.raises(ValueError, match="measured: expected a finite number"):
            claims.check("two-sided", no_number)
    with pytest.raises(ValueError, match="error: expected a finite number"):
        claims.check("two-sided", Estimate(-0.5, float("inf")))


def test_the_list_cannot_be_changed():
    with pytest.raises(TypeError):
        claims.load()["kurtosis-slope"] = None
