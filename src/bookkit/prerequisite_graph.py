"""A plain drawing of what needs what, as SVG: columns from left to right, straight lines between.

A node stands one column to the right of the last that it needs, and in its column in the order
of the list. A line that passes a column keeps a place of its own there, so that it crosses no
box.
"""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass

WIDTH, HEIGHT = 150, 58  # of a box
ACROSS, DOWN = 230, 74  # from box to box
KEY = 40  # below, for the names of the groups
CHARACTERS = 20  # in a line of a title
LINE = 15  # between lines


@dataclass(frozen=True)
class Box:
    """A node: what it says, its group's number, where it leads (None: nowhere), what it needs."""

    title: str
    group: int
    link: str | None
    needs: tuple[str, ...] = ()
    note: str = ""


def columns(boxes: dict[str, Box]) -> dict[str, int]:
    """The column of each node: the length of the longest way to it.

    Raises:
        ValueError: A node needs one that does not stand before it in the list.
    """
    found: dict[str, int] = {}
    for name, box in boxes.items():
        if late := [need for need in box.needs if need not in found]:
            raise ValueError(f"needs: {', '.join(late)} does not stand before {name}")
        found[name] = max((found[need] + 1 for need in box.needs), default=0)
    return found


def places(boxes: dict[str, Box]) -> dict[tuple[str, int], tuple[float, float]]:
    """The left end of the middle of each box, and of each place where its lines pass a column.

    Returns:
        By name and column; in a column to the right of its own, a node has a place for lines.
    """
    column, order = columns(boxes), list(boxes)
    ends = {name: max([column[other] for other in boxes if name in boxes[other].needs],
                      default=column[name] + 1) for name in boxes}
    slots = [(name, c) for name in boxes for c in range(column[name], ends[name])]
    high = max(sum(c == other for _, other in slots) for _, c in slots)
    found = {}
    for c in range(1 + max(column.values())):
        here = sorted((slot for slot in slots if slot[1] == c), key=lambda s: order.index(s[0]))
        start = DOWN * (high - len(here)) / 2 + DOWN / 2
        found |= {slot: (4 + ACROSS * c, start + DOWN * row) for row, slot in enumerate(here)}
    return found


def line(name: str, target: str, column: dict[str, int], place: dict) -> list[tuple[float, float]]:
    """The corners of the line from a node to one that needs it."""
    points = []
    for c in range(column[name], column[target]):
        x, y = place[name, c]
        points += [(x + WIDTH, y)] if c == column[name] else [(x, y), (x + WIDTH, y)]
    return [*points, place[target, column[target]]]


def words(text: str, x: float, middle: float, kind: str) -> str:
    """A text in lines around a middle."""
    wrapped = textwrap.wrap(text, CHARACTERS)
    top = middle - LINE * (len(wrapped) - 1) / 2 + 4.5
    spans = "".join(f'<tspan x="{x:g}" y="{top + LINE * row:g}">{html.escape(part)}</tspan>'
                    for row, part in enumerate(wrapped))
    return f'<text class="{kind}">{spans}</text>'


def draw(boxes: dict[str, Box], groups: list[str], label: str) -> str:
    """The graph as SVG. Its colours come from the style sheet, by class.

    Args:
        boxes: The nodes by name, each behind those that it needs.
        groups: The names of the groups.
        label: What a screen reader says of the whole.
    """
    column, place = columns(boxes), places(boxes)
    width = 8 + ACROSS * max(column.values()) + WIDTH
    height = max(y for _, y in place.values()) + DOWN / 2 + KEY
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
           f'role="group" aria-label="{html.escape(label)}">']
    for target, box in boxes.items():
        for need in box.needs:
            corners = line(need, target, column, place)
            points = " ".join(f"{x:g},{y:g}" for x, y in corners)
            name = html.escape(f"{need} {target}")
            out.append(f'<polyline class="line group-{boxes[need].group + 1}" data-edge="{name}" '
                       f'points="{points}" aria-hidden="true"/>')
    for name, box in boxes.items():
        x, y = place[name, column[name]]
        kind = f"box group-{box.group + 1}" + (" planned" if box.note else "")
        text = words(box.title, x + WIDTH / 2, y - 8 * bool(box.note), "name")
        if box.note:
            text += words(box.note, x + WIDTH / 2, y + HEIGHT / 2 - 11, "note")
        frame = f'<rect x="{x:g}" y="{y - HEIGHT / 2:g}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        drawn = f'<g class="{kind}" data-box="{html.escape(name)}">{frame}{text}</g>'
        out.append(f'<a href="{html.escape(box.link)}">{drawn}</a>' if box.link else drawn)
    for number, name in enumerate(groups):
        x = width * (number + 0.5) / len(groups)
        out.append(f'<text class="group group-{number + 1}" x="{x:g}" y="{height - 8:g}">'
                   f"■ {html.escape(name)}</text>")
    return "".join(out) + "</svg>"
