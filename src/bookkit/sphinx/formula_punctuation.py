"""Keep a full stop or a bracket on the line of the formula that it follows or precedes.

Browsers may break a line on either side of a typeset formula, even before a comma.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

BEFORE = re.compile(r"[(\[“‘\"'±~–-]+$")
AFTER = re.compile(r"^[)\]”’\"'.,;:!?–-]+[^\s]*")


def bind_punctuation(app: Sphinx, doctree: nodes.document) -> None:
    """Wrap each inline formula together with the punctuation that touches it."""
    for formula in list(doctree.findall(nodes.math)):
        parent, index = formula.parent, formula.parent.index(formula)
        before = parent[index - 1] if index > 0 else None
        after = parent[index + 1] if index + 1 < len(parent) else None
        head = BEFORE.search(before) if isinstance(before, nodes.Text) else None
        tail = AFTER.match(after) if isinstance(after, nodes.Text) else None
        if head is None and tail is None:
            continue
        bound = nodes.inline("", classes=["bound"])
        if tail is not None:
            parent.replace(after, nodes.Text(after[tail.end() :]))
        parent.replace(formula, bound)
        if head is not None:
            parent.replace(before, nodes.Text(before[: head.start()]))
            bound += nodes.Text(head[0])
        bound += formula
        if tail is not None:
            bound += nodes.Text(tail[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Bind punctuation after each page has been read."""
    app.connect("doctree-read", bind_punctuation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
