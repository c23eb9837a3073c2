"""The book's claims: each one measured in a chapter, against a prediction and a rival.

``claims.toml``, beside this module, lists everything that the book asserts in numbers. A
chapter calls ``check`` with what it measured; the card that appears says what was measured,
what was predicted, and which rival hypothesis the outcome rules out.
"""

import html
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from IPython.display import display


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
        predicted: Centre of the accepted interval, None for a one-sided claim.
        tolerance: Half its width, None for a one-sided claim.
        above: Lower bound of a one-sided claim.
        below: Upper bound of a one-sided claim.
        spread: Standard deviation over `seeds` seeds, if the basis is "seeds".
        seeds: Number of seeds that `spread` was measured over.
    """

    id: str
    chapter: str
    statement: str
    source: str
    rival_value: float
    rival: str
    basis: str
    predicted: float | None = None
    tolerance: float | None = None
    above: float | None = None
    below: float | None = None
    spread: float | None = None
    seeds: int | None = None

    def accepts(self, value: float) -> bool:
        """Whether a measured value is within the tolerance, or on the right side."""
        if self.predicted is not None:
            return abs(value - self.predicted) <= self.tolerance
        return value > self.above if self.above is not None else value < self.below

    @property
    def expectation(self) -> str:
        """The accepted values in words: "-0.5 ± 0.15", "above 3" or "below 0.1"."""
        if self.predicted is not None:
            return f"{number(self.predicted)} ± {number(self.tolerance)}"
        if self.above is not None:
            return f"above {number(self.above)}"
        return f"below {number(self.below)}"


def number(value: float) -> str:
    """A number in at most four significant digits, with a real minus sign."""
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


_FIELDS = {"chapter", "statement", "source", "rival", "basis", "predicted", "tolerance",
           "above", "below", "spread", "seeds"}


def parse(id: str, entry: Mapping[str, Any]) -> Claim:
    """Read one entry of the list and hold it to the rules.

    Raises:
        ValueError: A field is missing or unknown; the claim is not exactly one of two-sided
            (`predicted`, `tolerance`), `above` and `below`; the rival lies inside the
            accepted interval; or the tolerance is not grounded: `basis` must be a sentence
            of theory, or "seeds" with a `spread` over at least 5 `seeds`, and the tolerance
            at least 3 spreads.
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
    fields = {k: v for k, v in entry.items() if k != "rival"}
    claim = Claim(id=id, rival_value=rival["value"], rival=rival["says"], **fields)
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
    text = resources.files("infinite_width").joinpath("claims.toml").read_text("utf-8")
    return {id: parse(id, entry) for id, entry in tomllib.loads(text).items()}


@dataclass(frozen=True)
class Card:
    """The outcome of a check, as text and as HTML."""

    claim: Claim
    measured: float
    error: float | None
    compact: bool = False

    @property
    def holds(self) -> bool:
        """Whether the claim accepts the value, and the error does not blur the rival."""
        distinct = self.error is None or (
            abs(self.measured - self.claim.rival_value) > 2 * self.error
        )
        return self.claim.accepts(self.measured) and distinct

    @property
    def outcome(self) -> str:
        """The measured value, with its error where there is one."""
        error = "" if self.error is None else f" ± {number(float(f'{self.error:.2g}'))}"
        return number(self.measured) + error

    def __repr__(self) -> str:
        claim = self.claim
        mark = "✓" if self.holds else "✗"
        return (f"{mark} {claim.id}: measured {self.outcome}; predicted {claim.expectation}; "
                f"ruled out {number(claim.rival_value)} ({claim.rival})")

    def _repr_html_(self) -> str:
        claim = self.claim
        mark = "✓" if self.holds else "✗"
        source = "" if self.compact else (
            f'<div class="claim-source">{html.escape(claim.source)}</div>')
        return (
            f'<div class="claim{" compact" if self.compact else ""}" id="claim-{claim.id}">'
            f'<div class="claim-head"><span class="claim-mark">{mark}</span> '
            f"{html.escape(claim.statement)}</div>"
            f'<div class="claim-row"><span>measured <b>{self.outcome}</b></span> '
            f"<span>predicted <b>{claim.expectation}</b></span> "
            f"<span>ruled out <b>{number(claim.rival_value)}</b> "
            f"{html.escape(claim.rival)}</span></div>{source}</div>"
        )


def check(
    id: str, measured: float, error: float | None = None, *, compact: bool = False
) -> None:
    """Show a claim's card, and stop if the measurement does not bear the claim out.

    Args:
        id: The claim's name in ``claims.toml``.
        measured: The value that the chapter found.
        error: Its standard error, where it has one. The rival must be more than two of
            them away, or the measurement decides nothing.
        compact: Whether to show a small card without the source, for tables of many claims.

    Raises:
        ValueError: There is no such claim, or a number is not finite.
        ClaimError: The claim does not hold.
    """
    claims = load()
    if id not in claims:
        raise ValueError(f"id: expected one of the claims {sorted(claims)}; got {id!r}")
    for name, value in (("measured", measured), ("error", error)):
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{name}: expected a finite number; got {value}")
    error = None if error is None else float(error)
    card = Card(claims[id], float(measured), error, compact)
    display(card)
    if not card.holds:
        raise ClaimError(repr(card))


@dataclass(frozen=True)
class Table:
    """Claims as a table, for a notebook."""

    claims: tuple[Claim, ...]

    def __repr__(self) -> str:
        return "\n".join(
            f"{c.id}: {c.statement} [{c.expectation}; not {number(c.rival_value)}]"
            for c in self.claims
        )

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td>{html.escape(c.statement)}</td><td>{c.expectation}</td>"
            f"<td>{number(c.rival_value)}: {html.escape(c.rival)}</td>"
            f"<td>{html.escape(c.source)}</td></tr>"
            for c in self.claims
        )
        return ("<table><thead><tr><th>claim</th><th>predicted</th><th>ruled out</th>"
                f"<th>source</th></tr></thead><tbody>{cells}</tbody></table>")


def table(chapter: str | None = None) -> Table:
    """The claims of one chapter, or of the whole book.

    Raises:
        ValueError: No claim belongs to `chapter`.
    """
    chosen = tuple(c for c in load().values() if chapter in (None, c.chapter))
    if chapter is not None and not chosen:
        known = sorted({c.chapter for c in load().values()})
        raise ValueError(f"chapter: expected one of {known}; got {chapter!r}")
    return Table(chosen)


def glue(name: str, value: float, format: str = ".3g") -> None:
    """Store a number of this run for the prose, where ``{glue:text}`` shows it.

    Args:
        name: Its name in the text.
        value: The number.
        format: A format specification, such as ".2f".

    Raises:
        ValueError: The value is not finite.
    """
    if not math.isfinite(value):
        raise ValueError(f"value: expected a finite number for {name!r}; got {value}")
    prefix = "application/papermill.record/"
    text = f"{value:{format}}".replace("-", "\N{MINUS SIGN}")
    display({prefix + "text/plain": text}, raw=True,
            metadata={"scrapbook": {"name": name, "mime_prefix": prefix}})
