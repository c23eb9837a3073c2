"""The book's own Sphinx extensions."""

from dataclasses import replace

import pytest
from docutils import nodes
from sphinx.ext.napoleon import Config, GoogleDocstring

from bookkit.cards import CLAIM
from bookkit.sphinx import claims_ledger as ledger
from bookkit.sphinx import folded_proofs as proofs
from bookkit.sphinx import formula_punctuation as punctuation
from bookkit.sphinx import package_reference as reference

ENTRY = """
[slope]
chapter = "gp_limit/random_networks"
statement = "It falls."
source = "Neal 1996"
basis = "theory of the estimator"
evidence = "networks"
predicted = -1.0
tolerance = 0.1
rival = { value = -0.5, says = "it falls; but (more) slowly" }
"""


def notebook(*cards):
    outputs = [{"output_type": "display_data", "data": {"text/plain": "a card", CLAIM: card}}
               for card in cards]
    outputs.append({"output_type": "stream", "text": "✓ slope: measured 7; predicted 7"})
    return {"cells": [{"cell_type": "code", "source": "", "outputs": outputs}]}


@pytest.mark.parametrize("value, error, holds, shown", [
    (-1.0214, 0.0312, True, "−1.021 ± 0.031"), (-0.95, None, True, "−0.95"),
    (3.0, None, False, "✗ 3"),
])
def test_the_ledger_reads_the_cards_that_claims_check_stores(value, error, holds, shown):
    card = {"id": "slope", "value": value, "error": error, "holds": holds, "outcome": "holds"}
    assert ledger.parse_measurements(notebook(card)) == {"slope": shown}


def test_what_has_not_run_is_not_measured():
    assert ledger.parse_measurements({}) == {}
    assert ledger.parse_measurements({"cells": [{"cell_type": "code", "source": ""}]}) == {}
    assert ledger.parse_measurements(notebook()) == {}


def test_no_claims():
    assert ledger.parse_claims("") == []
    assert ledger.summary(0, 0, []) == "The book makes no claim yet."


def test_the_summary_counts():
    assert ledger.summary(1, 1, ["1"]).endswith(
        "1 claim in 1 chapter. In the stored run every one of them held."
    )
    assert "1 held, 1 did not, and 1 have not been run" in ledger.summary(3, 2, ["1", "✗ 2"])


def test_the_ledger_counts_the_kinds_of_evidence():
    def claim(kind):
        return replace(ledger.parse_claims(ENTRY)[0], evidence=kind)

    listed = [claim("model"), claim("networks"), claim("networks")]
    assert ledger.evidence(listed, 2) == (
        "Measured 2 on networks, 1 on a model. "
        "A deliberate error has been shown to make 2 of them fail.")
    assert ledger.evidence([], 0) == ""
    assert ledger.evidence([claim("two-ways")], 0) == "Measured 1 in two ways."


@pytest.mark.parametrize("line", ['statement = "It falls."', "predicted = -1.0"])
def test_an_incomplete_claim_is_named(line):
    with pytest.raises(ValueError, match="slope"):
        ledger.parse_claims(ENTRY.replace(line, ""))


def test_a_notebook_is_called_by_its_heading():
    cells = [
        {"cell_type": "code", "source": "# no title"},
        {"cell_type": "markdown", "source": ["# Random networks\n", "text"]},
    ]
    assert ledger.notebook_title({"cells": cells}, "x") == "Random networks"
    assert ledger.notebook_title({}, "gp_limit/x") == "gp_limit/x"


def test_formulas_in_docstrings_stay_as_they_are():
    lines = [
        "With `a_` and q * q:",
        "",
        "    K^1 = s |x|_2 * x'/d,",
        "    K^2 = K^1",
        "",
        "Args:",
        "    x: Inputs x_.",
        "",
    ]
    assert reference.plain_docstring(lines) == [
        r"With `a_` and q \* q:",
        "",
        ".. code-block:: text",
        "",
        "    K^1 = s |x|_2 * x'/d,",
        "    K^2 = K^1",
        "",
        "Args:",
        r"    x: Inputs x\_.",
        "",
    ]


def test_examples_in_docstrings_stay_as_they_are():
    lines = ["Text *.", "", "Example:", "    >>> f(*x, y_)", "    array([a_, *])", "", "Text *."]
    assert reference.plain_docstring(lines) == [
        r"Text \*.", *lines[1:-1], r"Text \*."]


def test_what_is_returned_stays_whole():
    lines = ["Text.", "", "Args:", "    x: An input.", "", "Returns:", "    Pairs: one, two.",
             "    More: three.", "", "Raises:", "    ValueError: No."]
    kept = reference.whole_returns(lines)
    assert kept == [*lines[:6], "    : Pairs: one, two.", *lines[7:]]
    shown = str(GoogleDocstring("\n".join(kept), Config(napoleon_use_param=True)))
    assert ":returns: Pairs: one, two." in shown and ":rtype:" not in shown


def test_lists_and_directives_in_docstrings_stay_what_they_are():
    lines = ["Two things:", "", "- one,", "- two.", "", ".. note::", "", "    Text."]
    assert reference.plain_docstring(lines) == lines


@pytest.mark.parametrize(
    "before, after, bound",
    [("so ", ". Then", "x."), ("(", ") and", "(x)"), ("the ", "-dimensional one", "x-dimensional")],
)
def test_punctuation_stays_with_its_formula(before, after, bound):
    page = nodes.paragraph("", "", nodes.Text(before), nodes.math("", "x"), nodes.Text(after))
    punctuation.bind_punctuation(None, page)
    assert [n.astext() for n in page if isinstance(n, nodes.inline)] == [bound]
    assert page.astext() == f"{before}x{after}"


def test_a_formula_among_words_is_left_alone():
    page = nodes.paragraph("", "", nodes.Text("so "), nodes.math("", "x"), nodes.Text(" is"))
    punctuation.bind_punctuation(None, page)
    assert [type(n) for n in page] == [nodes.Text, nodes.math, nodes.Text]


def test_only_proofs_that_ask_for_it_fold_and_none_keeps_the_common_id():
    page = nodes.section()
    for classes in (["proof"], ["proof", "dropdown"]):
        box = nodes.admonition("", nodes.paragraph(text="Proof."), classes=classes, ids=["proof"])
        page += proofs.proof_node("", box)
    proofs.fold_proofs(None, page)
    assert [type(n).__name__ for n in page] == ["proof_node", "raw", "proof_node", "raw"]
    assert all(b["ids"] == [] and b["classes"] == ["proof"] for b in page.findall(nodes.admonition))
