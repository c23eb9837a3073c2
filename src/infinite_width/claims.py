"""The book's claims: each one measured in a chapter, against a prediction and a rival.

``claims.toml``, beside this module, lists everything that the book asserts in numbers. A
chapter calls ``check`` with what it measured; the card that appears says what was measured,
what was predicted, which rival hypothesis the outcome rules out, and on what evidence it rests.
A claim that fails stops the chapter; where the environment variable ``INFINITE_WIDTH_CLAIMS``
is "record", as under other seeds and under sabotage, its card is shown and the chapter goes on.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from types import MappingProxyType
from typing import Any

from IPython.display import display
from numpy.typing import ArrayLike

from infinite_width import _listing, _validate, typeset
from infinite_width.measure import Estimate

MIME = "application/vnd.infinite-width.claim+json"
"""Type of the JSON {"id", "value", "error", "holds", "outcome"} of a card, in full precision."""

EVIDENCE = {"networks": "on networks", "two-ways": "in two ways", "model": "on a model"}
"""Kinds of evidence, as cards call them: networks were drawn or trained in the chapter, or real
data measured; two computations that share no formula; a reduced model, which the claim names."""


class ClaimError(AssertionError):
    """A measurement that its claim does not allow."""


@dataclass(frozen=True)
class Claim:
    """One entry of ``claims.toml``.

    Attributes:
        id: Its name in the list.
        chapter: Path of the chapter that checks it, such as "gp_limit/random_networks".
        statement: What the book asserts, readable by itself.
        source: Where the statement or the prediction comes from.
        rival_value: What another hypothesis predicts; outside the accepted interval.
        rival: That hypothesis in words.
        basis: Where tolerance or bound come from: theory, or the spread over seeds.
        predicted, tolerance: Centre and half the width of the accepted interval; None if one-sided.
        above, below: The bound of a one-sided claim.
        spread: Standard deviation over `seeds` seeds, if the basis is "seeds".
        seeds: Number of seeds that `spread` was measured over.
        evidence: A key of `EVIDENCE`.
        confirmed: Fresh seeds under which the claim held, if prediction or tolerance had been
            set with values in view.
    """

    id: str
    chapter: str
    statement: str
    source: str
    rival_value: float
    rival: str
    basis: str
    evidence: str
    predicted: float | None = None
    tolerance: float | None = None
    above: float | None = None
    below: float | None = None
    spread: float | None = None
    seeds: int | None = None
    confirmed: tuple[int, ...] = ()

    def accepts(self, value: float) -> bool:
        """Whether a measured value is within the tolerance, or on the right side."""
        if self.predicted is not None:
            return abs(value - self.predicted) <= self.tolerance
        return value > self.above if self.above is not None else value < self.below

    def accepts_near(self, value: float, distance: float) -> bool:
        """Whether a value that is accepted lies within `distance` of `value`."""
        return any(map(self.accepts, (value - distance, value, value + distance))) or (
            self.predicted is not None and abs(value - self.predicted) <= distance)

    @property
    def expectation(self) -> str:
        """The accepted values in words: "-0.5 ± 0.15", "above 3" or "below 0.1"."""
        if self.predicted is not None:
            return f"{number(self.predicted)} ± {number(self.tolerance)}"
        if self.above is not None:
            return f"above {number(self.above)}"
        return f"below {number(self.below)}"


def number(value: float, error: float | None = None) -> str:
    """A number in at most four digits, with a real minus sign; ± its error, if any, in two."""
    shown = f"{value:.4g}" if error is None else f"{value:.4g} ± {float(f'{error:.2g}'):.4g}"
    return shown.replace("-", "\N{MINUS SIGN}")


_FIELDS = {field.name for field in fields(Claim)} - {"id", "rival_value"}


def parse(id: str, entry: Mapping[str, Any]) -> Claim:
    """Read one entry of the list and hold it to the rules.

    Raises:
        ValueError: A field is missing or unknown; the claim is not exactly one of two-sided
            (`predicted`, `tolerance`), `above` and `below`; the rival lies inside the
            accepted interval; or the tolerance is not grounded: `basis` must be a sentence
            of theory, or "seeds" with a `spread` over at least 5 `seeds`, and the tolerance
            at least 3 spreads. Or `evidence` is no kind of evidence, or `confirmed` names
            fewer than 5 seeds.
    """

    def demand(condition, expected):
        if not condition:
            raise ValueError(f"claim {id!r}: expected {expected}; got {dict(entry)}")

    demand(not set(entry) - _FIELDS, f"no fields other than {sorted(_FIELDS)}")
    for field in ("chapter", "statement", "source", "basis"):
        demand(isinstance(entry.get(field), str) and entry[field].strip(), f"a text {field!r}")
    kinds = [k for k in ("predicted", "above", "below") if k in entry]
    demand(len(kinds) == 1, "exactly one of 'predicted', 'above' and 'below'")
    demand(("tolerance" in entry) == (kinds == ["predicted"]),
           "a 'tolerance' with 'predicted' and only there")
    rival = entry.get("rival")
    demand(isinstance(rival, Mapping) and set(rival) == {"value", "says"},
           "rival = { value = …, says = … }")
    demand(entry.get("evidence") in EVIDENCE, f"'evidence' among {sorted(EVIDENCE)}")
    confirmed = entry.get("confirmed")
    demand(confirmed is None or len(set(confirmed)) >= 5, "at least 5 seeds that 'confirmed' it")
    given = entry | {"rival": rival["says"], "confirmed": tuple(confirmed or ())}
    claim = Claim(id=id, rival_value=rival["value"], **given)
    if claim.tolerance is not None:
        demand(claim.tolerance > 0, "a positive tolerance")
    demand(not claim.accepts(claim.rival_value), "a rival outside the accepted interval")
    if claim.basis == "seeds":
        demand((claim.seeds or 0) >= 5 and claim.spread is not None,
               "a 'spread' over at least 5 'seeds'")
        demand(claim.tolerance is None or claim.tolerance >= 3 * claim.spread,
               "a tolerance of at least 3 spreads")
    else:
        demand(claim.spread is None and claim.seeds is None and len(claim.basis.split()) > 2,
               "a basis in words, or basis = \"seeds\" with 'spread' and 'seeds'")
    return claim


@cache
def load() -> Mapping[str, Claim]:
    """The whole list, by id, in the order of the file."""
    entries = _listing.read("claims.toml")
    return MappingProxyType({id: parse(id, entry) for id, entry in entries.items()})


@dataclass(frozen=True)
class Card:
    """The outcome of a check, as text, as HTML and as JSON."""

    claim: Claim
    measured: float
    error: float | None = None

    @property
    def outcome(self) -> str:
        """What the check found: "holds", "outside" or "undecided".

        It is undecided if both the rival and an accepted value are within two errors.
        """
        blur = 2 * (self.error or 0.0)
        rival_near = blur > 0 and abs(self.measured - self.claim.rival_value) <= blur
        if rival_near and self.claim.accepts_near(self.measured, blur):
            return "undecided"
        return "holds" if self.claim.accepts(self.measured) else "outside"

    @property
    def holds(self) -> bool:
        """Whether the claim accepts the value, and the error does not blur the rival."""
        return self.outcome == "holds"

    @property
    def value(self) -> str:
        """The measured value, with its error where there is one."""
        return number(self.measured, self.error)

    @property
    def verdict(self) -> str:
        """What the outcome means for the rival's value."""
        claim, rival = self.claim, number(self.claim.rival_value)
        if self.outcome == "holds":
            return f"ruled out {rival}"
        if self.outcome == "outside":
            limit = "bound" if claim.predicted is None else "tolerance"
            return f"outside the {limit}; rival {rival}"
        centre = self.measured if claim.predicted is None else claim.predicted
        return f"undecided: the error is too large to tell {number(centre)} from {rival}"

    @property
    def on(self) -> str:
        """On what kind of evidence the value rests, behind a blank."""
        return f" {EVIDENCE[self.claim.evidence]}"

    def __repr__(self) -> str:
        return (f"{'✓' if self.holds else '✗'} {self.claim.id}: measured {self.value}{self.on}; "
                f"predicted {self.claim.expectation}; {self.verdict} ({self.claim.rival})")

    def _repr_html_(self) -> str:
        claim = self.claim
        kind, _, rival = self.verdict.rpartition(" ")
        return (
            f'<div class="claim" id="claim-{claim.id}">'
            f'<div class="claim-head"><span class="claim-mark">{"✓" if self.holds else "✗"}</span> '
            f"{typeset.html(claim.statement)}</div>"
            f'<div class="claim-row"><span>measured <b>{self.value}</b>{self.on}</span> '
            f"<span>predicted <b>{claim.expectation}</b></span> "
            f"<span>{kind} <b>{rival}</b> {typeset.html(claim.rival)}</span></div>"
            f'<div class="claim-source">{typeset.html(claim.source)}</div></div>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        record = {"id": self.claim.id, "value": self.measured, "error": self.error,
                  "holds": self.holds, "outcome": self.outcome}
        return {"text/plain": repr(self), "text/html": self._repr_html_(), MIME: record}


def check(id: str, measured: Estimate | ArrayLike) -> None:
    """Show a claim's card, and stop if the measurement does not bear the claim out.

    Args:
        id: The claim's name in ``claims.toml``.
        measured: The value that the chapter found, an `Estimate` where it has an error. The
            rival must be more than two errors away, or the measurement decides nothing.

    Raises:
        ValueError: There is no such claim, or a number is not finite or no single number.
        ClaimError: The claim does not hold, unless claims are only recorded.

    Example:
        >>> check("kurtosis-slope", Estimate(-1.01, 0.02))  # doctest: +ELLIPSIS
        ✓ kurtosis-slope: measured −1.01 ± 0.02 on networks; predicted −1 ± 0.05; ...
    """
    claim = _listing.entry("claims", load(), id)
    value, error = measured if isinstance(measured, Estimate) else (measured, None)
    value = float(_validate.number("measured", value))
    error = None if error is None else float(_validate.number("error", error))
    card = Card(claim, value, error)
    display(card)
    if not card.holds and os.environ.get("INFINITE_WIDTH_CLAIMS") != "record":
        raise ClaimError(repr(card))
