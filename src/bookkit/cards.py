"""What claims, exercises and numbers left in the outputs of a notebook.

Each is JSON of a type of its own, in full precision, beside the text and the HTML that people
see. This is the one reader: the ledger, reseeding, grading, the run with Colab's versions and
the tests ask here and parse no prose.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infinite_width.claims import MIME as CLAIM
from infinite_width.exercises import MIME as EXERCISE
from infinite_width.prose import MIME as NUMBER


@dataclass(frozen=True)
class Measurement:
    """A claim's card: what was measured, its standard error if it has one, and how it ended."""

    id: str
    value: float
    error: float | None
    holds: bool
    outcome: str


def payloads(cells: Iterable[Mapping[str, Any]], mime: str) -> Iterator[Mapping[str, Any]]:
    """The JSON of one type in the outputs of cells, in their order."""
    for cell in cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if mime in data:
                yield data[mime]


def claims(notebook: Mapping[str, Any]) -> dict[str, Measurement]:
    """The claims that a notebook checked, by id."""
    found = payloads(notebook.get("cells", []), CLAIM)
    return {card["id"]: Measurement(**{f: card[f] for f in Measurement.__annotations__})
            for card in found}


def exercises(notebook: Mapping[str, Any], tag: str | None = None) -> dict[str, str]:
    """The state of each exercise, "ok", "wrong" or "open", in all cells or those with a tag."""
    cells = [c for c in notebook.get("cells", [])
             if tag is None or tag in c.get("metadata", {}).get("tags", [])]
    return {card["id"]: card["state"] for card in payloads(cells, EXERCISE)}


def numbers(notebook: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The numbers that a notebook gives to its prose: name, value, error and text."""
    return {card["name"]: card for card in payloads(notebook.get("cells", []), NUMBER)}
