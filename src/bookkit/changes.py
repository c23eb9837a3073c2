"""Try the changes that chapters propose: ``python -m bookkit changes [CHAPTER …]``.

The box "Change this" of a chapter lists changes that were tried and what they show:

    - `widths = np.array([64, 256])` → `widths = np.array([64, 1024])`: …

The first text occurs once in the chapter's code. The command runs the chapter under each change,
with claims recorded, and lists which claims then fail. It complains if a cell raises or a claim is
not measured: readers who make the change are to get to the end.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from bookkit import chapters, sabotage
from bookkit.words import say
from infinite_width import claims

HEADING = "### Change this"
ITEM = re.compile(r"^- `([^`\n]+)` → `([^`\n]+)`: \S", re.MULTILINE)


def proposed(notebook: NotebookNode) -> list[sabotage.Sabotage]:
    """The changes that a chapter's box proposes."""
    boxes = [c.source for c in notebook.cells
             if c.cell_type == "markdown" and c.source.startswith(HEADING)]
    items = ITEM.findall("\n".join(boxes))
    return [sabotage.Sabotage(f"change {number}", "", "chapter", old, new)
            for number, (old, new) in enumerate(items, 1)]


def problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with a chapter's box, as sentences."""
    found, changes = [], proposed(notebook)
    if not 2 <= len(changes) <= 4:
        found.append(f"{HEADING!r} proposes {len(changes)} changes, not two to four")
    for change in changes:
        if (count := sabotage.places(change, notebook)) != 1:
            found.append(f"what {change.name} replaces occurs {count} times: {change.replace!r}")
        if change.replace == change.by:
            found.append(f"{change.name} changes nothing")
    return found


def tried(path: Path) -> Iterator[str]:
    """Run a chapter under each of its changes; what went wrong, in sentences."""
    name = chapters.name_of(path)
    for change in proposed(chapters.read(path)):
        found = sabotage.run(path, change)
        say(f"{name}: `{change.replace}` → `{change.by}` breaks "
            f"{', '.join(sabotage.failed(found)) or 'nothing'}")
        yield from (f"{name}, {change.name}: {error}" for error in found["errors"])
        yield from (f"{name}, {change.name}: {claim.id} is not measured"
                    for claim in claims.load().values()
                    if claim.chapter == name and claim.id not in found["measured"])


def main() -> int:
    """Try the changes of the chapters that the command line names, or of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    wrong: list[str] = []
    for path in chapters.parsed(parser).chapter:
        wrong += tried(path)
    print("\n".join(["", *wrong]) if wrong else "\nEvery change runs to the end.")
    return int(bool(wrong))
