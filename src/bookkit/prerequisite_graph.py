"""An SVG of a graph of prerequisites: one lane for each part, arrows between the boxes.

Boxes stand in a grid, part by part and in the order of the course. Arrows run in the gutters
between the lanes and in the channels between the rows, so that none crosses a box. All arrows
that leave a box on one side share their way and branch off at their targets.
"""

from __future__ import annotations

import html
import textwrap
from collections import defaultdict
from dataclasses import dataclass

WIDTH, HEIGHT = 140, 64  # of a box
LINE = 15  # between the lines of a title
CHARACTERS = 20  # in such a line
TRACK = 9  # between arrows that run side by side
HEAD = 46  # above the first row, for the names of the parts
RADIUS = 5  # of an arrow's bend


@dataclass(frozen=True)
class Box:
    """A node: what it says, where it stands (lane and row), where it leads (None: nowhere)."""

    title: str
    lane: int
    row: int
    link: str | None
    note: str = ""


@dataclass(frozen=True)
class Arrow:
    """From one box to another, as a sequence of corners."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]


def tracks(spans: dict[str, tuple[float, float]], order: list[str]) -> dict[str, int]:
    """Give lines that would touch different tracks: {line: track}, first come first served."""
    taken: list[list[tuple[float, float]]] = []
    result = {}
    for name in order:
        low, high = spans[name]
        free = (
            number
            for number, lines in enumerate(taken)
            if all(high < start or end < low for start, end in lines)
        )
        result[name] = next(free, len(taken))
        if result[name] == len(taken):
            taken.append([])
        taken[result[name]].append((low, high))
    return result


def net(source: Box, target: Box, name: str) -> str | None:
    """The way that an arrow shares with others: "out", "in", or None straight down."""
    if target.lane == source.lane:
        return None if target.row == source.row + 1 else f"in {name}"
    return f"out {name}"


class Layout:
    """Places of boxes and arrows."""

    def __init__(self, boxes: dict[str, Box], edges: list[tuple[str, str]]):
        """Lay a graph out.

        Args:
            boxes: The nodes by name, no two in one place.
            edges: Pairs (source, target) of names; a target stands below its source in the
                same lane, or in a lane to the right.

        Raises:
            ValueError: An edge leads up or to the left.
        """
        self.boxes = boxes
        self.lanes = 1 + max(box.lane for box in boxes.values())
        self.rows = 1 + max(box.row for box in boxes.values())
        self.nets: dict[str, list[str]] = defaultdict(list)
        self.straight = []
        for source, target in edges:
            a, b = boxes[source], boxes[target]
            if (b.lane, b.row) <= (a.lane, a.row) or b.lane < a.lane:
                raise ValueError(f"edges: {source} does not stand before {target}")
            way = net(a, b, source)
            if way is None:
                self.straight.append((source, target))
            else:
                self.nets[way].append(target)
        self.channels = {name: self.channel(name) for name in self.nets}
        self.spread()

    def source(self, name: str) -> Box:
        """The box from which a net leaves."""
        return self.boxes[name.partition(" ")[2]]

    def far(self, name: str) -> bool:
        """Whether one of its targets is not in the same or the next lane."""
        lane = self.source(name).lane
        return any(self.boxes[target].lane > lane + 1 for target in self.nets[name])

    def channel(self, name: str) -> int | None:
        """The channel that a net takes across lanes, counted from above the first row."""
        if not self.far(name):
            return None
        rows = [self.source(name).row] + [self.boxes[t].row for t in self.nets[name]]
        return min(range(self.rows), key=lambda j: sum(abs(r + 0.5 - j) for r in rows))

    def spread(self) -> None:
        """Give every net its tracks, and all lanes and rows their coordinates.

        Gutter g is to the left of lane g, channel j is above row j.
        """
        spans: dict[int, dict[str, tuple[float, float]]] = defaultdict(dict)
        rows: dict[int, dict[str, tuple[float, float]]] = defaultdict(dict)
        for name, targets in self.nets.items():
            box, channel = self.source(name), self.channels[name]
            first = box.lane + name.startswith("out")
            ends = defaultdict(list, {first: [box.row + 0.5]})
            for target in targets:
                ends[self.boxes[target].lane].append(self.boxes[target].row + 0.5)
            if channel is not None:
                for gutter in ends:
                    ends[gutter].append(channel)
                rows[channel][name] = (first, max(ends))
            for gutter, rows_here in ends.items():
                spans[gutter][name] = (min(rows_here), max(rows_here))
        self.track, self.row_track = {}, {}
        self.x, self.y = [], []
        right: float = 0
        for gutter in range(self.lanes + 1):
            order = sorted(
                spans[gutter],
                key=lambda n: (n.startswith("in"), self.source(n).lane, self.source(n).row),
            )
            here = tracks(spans[gutter], order)
            for name, number in here.items():
                self.track[gutter, name] = right + 9 + TRACK * number
            if gutter < self.lanes:
                left = right + 18 + TRACK * max(len(set(here.values())), 1)
                self.x.append(left)
                right = left + WIDTH
        self.width = right + 9 + TRACK * (1 + max(here.values(), default=-1))
        bottom: float = HEAD
        for row in range(self.rows):
            here = tracks(rows[row], list(rows[row]))
            for name, number in here.items():
                self.row_track[name] = bottom + 9 + TRACK * number
            top = bottom + 18 + TRACK * max(len(set(here.values())), 1)
            self.y.append(top)
            bottom = top + HEIGHT
        self.height = bottom + 4

    def port(self, name: str, target: str) -> float:
        """The height at which a net enters a target."""
        entering = [n for n, targets in self.nets.items() if target in targets]
        step = min(14, (HEIGHT - 16) / max(len(entering) - 1, 1))
        offset = step * (entering.index(name) - (len(entering) - 1) / 2)
        return self.y[self.boxes[target].row] + HEIGHT / 2 + offset

    def arrows(self) -> list[Arrow]:
        """All arrows with their corners."""
        result = []
        for source, target in self.straight:
            box = self.boxes[source]
            x = self.x[box.lane] + WIDTH / 2
            ends = (x, self.y[box.row] + HEIGHT), (x, self.y[box.row + 1])
            result.append(Arrow(source, target, ends))
        for name, targets in self.nets.items():
            box, outward = self.source(name), name.startswith("out")
            first = box.lane + outward
            x = self.x[box.lane] + WIDTH * outward
            y = self.y[box.row] + HEIGHT / 2 + (0 if outward else 18)
            for target in targets:
                gutter, port = self.boxes[target].lane, self.port(name, target)
                points = [(x, y), (self.track[first, name], y)]
                if gutter != first:
                    over = self.row_track[name]
                    points += [(self.track[first, name], over), (self.track[gutter, name], over)]
                points += [(self.track[gutter, name], port), (self.x[gutter], port)]
                result.append(Arrow(name.partition(" ")[2], target, tuple(points)))
        return result


def bend(points: tuple[tuple[float, float], ...]) -> str:
    """A path through corners, rounded."""
    kept = [points[0]]
    for before, point, after in zip(points, points[1:], points[2:], strict=False):
        turns = (before[0] - point[0]) * (after[1] - point[1]) or (
            (before[1] - point[1]) * (after[0] - point[0])
        )
        if turns:
            kept.append(point)
    kept.append(points[-1])
    path = f"M{kept[0][0]:g} {kept[0][1]:g}"
    for before, (x, y), after in zip(kept, kept[1:], kept[2:], strict=False):
        starts = []
        for other in (before, after):
            length = abs(other[0] - x) + abs(other[1] - y)
            step = min(RADIUS, length / 2) / length
            starts.append((x + step * (other[0] - x), y + step * (other[1] - y)))
        (a, b), (c, d) = starts
        path += f"L{a:g} {b:g}Q{x:g} {y:g} {c:g} {d:g}"
    return path + f"L{kept[-1][0]:g} {kept[-1][1]:g}"


def tip(points: tuple[tuple[float, float], ...]) -> str:
    """The head of an arrow, as a path."""
    (a, b), (x, y) = points[-2:]
    u, v = (x > a) - (x < a), (y > b) - (y < b)
    back, side = (x - 7 * u, y - 7 * v), (4 * v, 4 * u)
    corners = [(x, y)] + [(back[0] + sign * side[0], back[1] + sign * side[1]) for sign in (-1, 1)]
    return "M" + "L".join(f"{p:g} {q:g}" for p, q in corners) + "Z"


def lines(text: str, x: float, middle: float, kind: str) -> str:
    """A text in lines around a middle."""
    wrapped = textwrap.wrap(text, CHARACTERS)
    top = middle - LINE * (len(wrapped) - 1) / 2 + 4.5
    spans = "".join(
        f'<tspan x="{x:g}" y="{top + LINE * number:g}">{html.escape(line)}</tspan>'
        for number, line in enumerate(wrapped)
    )
    return f'<text class="{kind}">{spans}</text>'


def draw(
    boxes: dict[str, Box], edges: list[tuple[str, str]], lanes: list[str], label: str
) -> str:
    """The graph as SVG. Its colours come from the style sheet, by class.

    Args:
        boxes: The nodes by name; one with a note is drawn with a dashed line.
        edges: Pairs (source, target) of names.
        lanes: What stands above each lane.
        label: What a screen reader says of the whole.
    """
    layout = Layout(boxes, edges)
    size = f'viewBox="0 0 {layout.width:g} {layout.height:g}"'
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="group"']
    out.append(f' aria-label="{html.escape(label)}">')
    for lane, name in enumerate(lanes):
        out.append(lines(name, layout.x[lane] + WIDTH / 2, 26, f"lane lane-{lane + 1}"))
    for arrow in layout.arrows():
        kind = f"lane-{boxes[arrow.source].lane + 1}"
        name = html.escape(f"{arrow.source} {arrow.target}")
        out.append(f'<g class="arrow {kind}" data-edge="{name}" aria-hidden="true">')
        out.append(f'<path class="line" d="{bend(arrow.points)}"/>')
        out.append(f'<path class="tip" d="{tip(arrow.points)}"/></g>')
    for name, box in boxes.items():
        x, y = layout.x[box.lane], layout.y[box.row]
        kind = f"box lane-{box.lane + 1}" + (" planned" if box.note else "")
        frame = f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        middle = y + HEIGHT / 2 - (8 if box.note else 0)
        text = lines(box.title, x + WIDTH / 2, middle, "name")
        if box.note:
            text += lines(box.note, x + WIDTH / 2, y + HEIGHT - 12, "note")
        group = f'<g class="{kind}" data-box="{html.escape(name)}">{frame}{text}</g>'
        link = f'<a href="{html.escape(box.link)}">{group}</a>' if box.link else group
        out.append(link)
    return "".join(out) + "</svg>"
