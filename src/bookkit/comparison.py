"""Whether a fresh run of a chapter says the same as the stored one.

Each number is compared by what it is:

- a measured number of the prose (JSON with an error), by its own error, `prose.agrees`;
- an exact number of the prose, and words: they print the same text;
- a claim's measurement, by the claim, which must hold, and by its own error if it has one;
- an exercise's state: it is the same;
- numbers in printed text that have a decimal point: they differ by no more than one unit of the
  last printed digit, because a number on the edge between two of them can fall to either side.
  A number that other machines reproduce to fewer digits has no business there: `glue` it with
  its error, or print fewer;
- everything else, whole numbers included: exactly. Pictures are not compared.

What a cell tagged ``nbval-ignore-output`` shows (players, whose pictures are in their HTML) is
not compared; it must run.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from nbformat import NotebookNode

from bookkit.cards import CLAIM, EXERCISE, NUMBER
from bookkit.chapters import code_cells, tags
from infinite_width.prose import agrees

IGNORE = "nbval-ignore-output"
ERRORS = 4
"""Claims' measurements may differ by this many standard errors of their difference."""
_DIGITS = re.compile(r"[-−+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_MEASURED = re.compile(r"measured (<b>)?[^;<]*")


def same_text(fresh: str, stored: str) -> bool:
    """Whether two printed texts agree: whole numbers and words exactly, others to a last digit."""
    words = [" ".join(_DIGITS.sub(" # ", text).split()) for text in (fresh, stored)]
    numbers = [_DIGITS.findall(text) for text in (fresh, stored)]
    return words[0] == words[1] and all(map(_same_number, *numbers))


def _same_number(fresh: str, stored: str) -> bool:
    if "." not in fresh or "." not in stored:
        return fresh == stored
    unit = max(_unit(fresh), _unit(stored))
    difference = abs(_value(fresh) - _value(stored))
    return difference <= 1.001 * unit  # 0.3 - 0.2 is a little more than 0.1


def _value(text: str) -> float:
    return float(text.replace("−", "-"))


def _unit(text: str) -> float:
    mantissa, _, exponent = text.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def claim_problem(fresh: Mapping[str, Any], stored: Mapping[str, Any]) -> str | None:
    """What is wrong with a claim's fresh measurement, beside a stored one."""
    if fresh["id"] != stored["id"]:
        return f"the claim {fresh['id']} where {stored['id']} is stored"
    if not fresh["holds"]:
        return f"the claim {fresh['id']} does not hold: measured {fresh['value']:.6g}"
    errors = fresh["error"], stored["error"]
    if (None in errors) and errors != (None, None):
        return f"{fresh['id']} has the error {errors[0]}; stored is {errors[1]}"
    if None not in errors:
        difference = abs(fresh["value"] - stored["value"])
        if difference > ERRORS * math.hypot(*errors):
            return (f"{fresh['id']} is {fresh['value']:.6g} ± {errors[0]:.2g}; stored is "
                    f"{stored['value']:.6g} ± {errors[1]:.2g}")
    return None


def _outputs(cell: NotebookNode) -> list[Mapping[str, Any]]:
    """A cell's outputs; what it printed in one piece, however it arrived."""
    merged = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            if merged and merged[-1].get("name") == output.name:
                merged[-1]["text"] += output.text
            else:
                merged.append({"name": output.name, "text": output.text})
        elif output.output_type == "error":
            merged.append({"error": f"{output.ename}: {output.evalue}"})
        else:
            merged.append({"data": output.data})
    return merged


def _output_problem(fresh: Mapping[str, Any], stored: Mapping[str, Any]) -> str | None:
    """How two outputs differ."""
    fresh_data, stored_data = fresh.get("data", {}), stored.get("data", {})
    if NUMBER in fresh_data and NUMBER in stored_data:
        pair = fresh_data[NUMBER], stored_data[NUMBER]
        return None if agrees(*pair) else "the number {} is {}; stored is {}".format(
            pair[0]["name"], *map(_shown, pair))
    if CLAIM in fresh_data and CLAIM in stored_data:
        problem = claim_problem(fresh_data[CLAIM], stored_data[CLAIM])
        if problem:
            return problem
    if fresh_data.keys() != stored_data.keys():
        return f"outputs of the types {sorted(fresh_data)}; stored are {sorted(stored_data)}"
    if fresh_data.get(EXERCISE) != stored_data.get(EXERCISE):
        return f"the exercise {fresh_data[EXERCISE]}; stored is {stored_data[EXERCISE]}"
    claim = CLAIM in fresh_data
    texts = [{k: v for k, v in side.items() if k != "data"} | {
        mime: _MEASURED.sub(r"measured \1", text) if claim else text
        for mime, text in data.items() if isinstance(text, str) and not mime.startswith("image/")
    } for side, data in ((fresh, fresh_data), (stored, stored_data))]
    if texts[0].keys() != texts[1].keys():
        return f"an output of {' '.join(texts[0])}; stored is one of {' '.join(texts[1])}"
    for kind, text in texts[0].items():
        if not same_text(text, texts[1][kind]):
            return f"{kind}: {_clip(text)}; stored is {_clip(texts[1][kind])}"
    return None


def _shown(record: Mapping[str, Any]) -> str:
    if record["error"] is None:
        return record["text"]
    return f"{record['value']:.6g} ± {record['error']:.2g}"


def _clip(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) < 200 else text[:200] + "…")


def differences(fresh: NotebookNode, stored: NotebookNode) -> Iterator[str]:
    """How a fresh run of a notebook differs from the stored one, in sentences."""
    cells = code_cells(fresh), code_cells(stored)
    if [c.source for c in cells[0]] != [c.source for c in cells[1]]:
        yield "the code is not the stored one"
        return
    for number, cell in enumerate(fresh.cells, 1):
        if cell.cell_type != "code" or IGNORE in tags(cell):
            continue
        new, old = _outputs(cell), _outputs(stored.cells[number - 1])
        where = f"cell {number} ({cell.source.strip().splitlines()[0][:50]})" if (
            cell.source.strip()) else f"cell {number}"
        if len(new) != len(old):
            yield f"{where}: {len(new)} outputs; stored are {len(old)}"
            continue
        for pair in zip(new, old, strict=True):
            if problem := _output_problem(*pair):
                yield f"{where}: {problem}"
