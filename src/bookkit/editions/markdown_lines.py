"""Write what stands inside a line of a resolved page as plain Markdown.

Sphinx has numbered and linked everything before this module sees it. Links become absolute. A
kind of node that this module does not know raises ``Unknown``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from urllib.parse import urljoin

from docutils import nodes
from sphinx import addnodes

SKIPPED = (nodes.target, nodes.comment, nodes.substitution_definition, addnodes.index)


class Unknown(ValueError):
    """A kind of node without a rule."""


def escape(text: str) -> str:
    """Keep a text from being read as Markdown or HTML."""
    text = re.sub(r"([\\`*\[\]<$~])", r"\\\1", text)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)


def formula(source: str) -> str:
    """Write TeX on one line, without comments and without the sign that opens a tag in HTML."""
    source = re.sub(r"(?<!\\)%.*", "", source)
    return re.sub(r"\s+", " ", source).strip().replace("<", r"\lt ").replace(r"\lt  ", r"\lt ")


class LineWriter:
    """Writes what stands inside a line.

    Args:
        page: The page's address on the website.
        image: Gives the address of an image from its path in the sources.
    """

    def __init__(self, page: str, image: Callable[[str], str] = str) -> None:
        """Keep what links start from."""
        self.page, self.image = page, image

    def inlines(self, parent: nodes.Element) -> str:
        """Write what is inside a node, on one line."""
        return "".join(self.inline(child) for child in parent.children)

    def inline(self, node: nodes.Node) -> str:
        """Write one node inside a line."""
        if isinstance(node, nodes.Text):
            return escape(re.sub(r"\s+", " ", node.astext()))
        if isinstance(node, SKIPPED):
            return ""
        method = getattr(self, f"_inline_{type(node).__name__}", None)
        if method is None:
            raise Unknown(
                f"no rule to write a {type(node).__name__} in a line: {node.astext()[:80]!r}"
            )
        return method(node)

    def _inline_inline(self, node: nodes.Element) -> str:
        return "" if "sd-summary-state-marker" in node["classes"] else self.inlines(node)

    _inline_paragraph = _inline_abbreviation = _inline_inline

    def _inline_emphasis(self, node: nodes.Element) -> str:
        return self.marked("*", node)

    def _inline_strong(self, node: nodes.Element) -> str:
        return self.marked("**", node)

    _inline_literal_emphasis, _inline_literal_strong = _inline_emphasis, _inline_strong

    def marked(self, mark: str, node: nodes.Element) -> str:
        """Put marks around a text, outside of which its blanks have to stay."""
        text = self.inlines(node)
        core = text.strip()
        return text.replace(core, f"{mark}{core}{mark}", 1) if core else text

    def _inline_literal(self, node: nodes.Element) -> str:
        text = node.astext()
        fence = "`" * (1 + max(map(len, re.findall(r"`+", text)), default=0))
        blank = " " if text.startswith("`") or text.endswith("`") else ""
        return f"{fence}{blank}{text}{blank}{fence}"

    def _inline_math(self, node: nodes.Element) -> str:
        return f"${formula(node.astext())}$"

    def _inline_reference(self, node: nodes.Element) -> str:
        target = node.get("refuri") or f"#{node['refid']}"
        address = urljoin(self.page, target).replace("(", "%28").replace(")", "%29")
        text = self.inlines(node)
        core = text.strip()
        return text.replace(core, f"[{core}]({address})", 1) if core else text

    def plain(self, parent: nodes.Element) -> str:
        """Write a text for HTML, where marks of Markdown would show: a fold's title."""
        leaves = (n for n in parent.findall() if isinstance(n, nodes.math | nodes.Text))
        return "".join(
            self._inline_math(n) if isinstance(n, nodes.math) else html.escape(n, quote=False)
            for n in leaves if not isinstance(n.parent, nodes.math | nodes.raw)
        ).strip()

    _inline_number_reference = _inline_reference

    def _inline_image(self, node: nodes.Element) -> str:
        return f"![{escape(node.get('alt', ''))}]({urljoin(self.page, self.image(node['uri']))})"

    def _inline_superscript(self, node: nodes.Element) -> str:
        return f"<sup>{self.inlines(node)}</sup>"

    _inline_footnote_reference = _inline_superscript

    def _inline_subscript(self, node: nodes.Element) -> str:
        return f"<sub>{self.inlines(node)}</sub>"

    def _inline_raw(self, node: nodes.Element) -> str:
        return node.astext() if "html" in node.get("format", "") else ""
