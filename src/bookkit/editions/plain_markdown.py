"""Write a resolved page as plain Markdown: what Colab, JupyterLab and GitHub render alike.

Sphinx has numbered and linked everything before this module sees it, so the numbers are those
of the website. Boxes become block quotes with a bold title, folds become HTML's ``details``,
links become absolute. A kind of node that this module does not know raises ``Unknown``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from docutils import nodes

from bookkit.editions.markdown_lines import SKIPPED, LineWriter, Unknown, formula

BOXES = {
    "admonition", "attention", "caution", "danger", "error", "hint", "important", "note", "tip",
    "warning", "seealso",
}


def escape_start(text: str) -> str:
    """Keep a paragraph from being read as a list, a heading or a quotation."""
    text = re.sub(r"^(\d+)([.)])(?=\s)", r"\1\\\2", text)
    return re.sub(r"^([#>+=-])", r"\\\1", text)


def rows(source: str) -> bool:
    """Whether TeX has line breaks outside of all environments."""
    inner = re.compile(r"\\begin\{(\w+\*?)\}(?:(?!\\begin\{).)*?\\end\{\1\}", re.DOTALL)
    while inner.search(source):
        source = inner.sub("", source)
    return r"\\" in source


def quote(blocks: list[str]) -> str:
    """Put blocks into a block quote."""
    lines = "\n\n".join(blocks).split("\n")
    return "\n".join(f"> {line}".rstrip() for line in lines)


def details(summary: str, blocks: list[str]) -> list[str]:
    """Fold blocks; the blank lines around them make them Markdown again."""
    return [f"<details><summary><b>{summary}</b></summary>", *blocks, "</details>"]


class Writer(LineWriter):
    """Writes the nodes of one page.

    Args:
        page: The page's address on the website.
        numbers: The page's numbers by kind and label, as Sphinx's ``toc_fignumbers`` has them.
        sections: Its section numbers by anchor, as in ``toc_secnumbers``.
        formats: How a number is written after its kind, as in ``numfig_format``.
        image: Gives the address of an image from its path in the sources.
    """

    def __init__(
        self,
        page: str,
        numbers: Mapping[str, Mapping[str, tuple[int, ...]]],
        sections: Mapping[str, tuple[int, ...] | None],
        formats: Mapping[str, str],
        image: Callable[[str], str] = str,
    ) -> None:
        """Keep what Sphinx has numbered."""
        super().__init__(page, image)
        self.numbers, self.sections, self.formats = numbers, sections, formats

    def number(self, kind: str, node: nodes.Element) -> str:
        """Return the number of a theorem, figure, exercise or equation, or nothing."""
        found = (self.numbers.get(kind, {}).get(id) for id in node["ids"])
        return ".".join(map(str, next(filter(None, found), ())))

    def blocks(self, parent: nodes.Element) -> list[str]:
        """Write what is inside a node."""
        return [text for child in parent.children for text in self.block(child)]

    def block(self, node: nodes.Node) -> list[str]:
        """Write one node as the blocks that it consists of."""
        kind = type(node).__name__
        if isinstance(node, SKIPPED):
            return []
        if kind in BOXES:
            return self.box(node)
        if kind.endswith("_node") and "countertype" in getattr(node, "attributes", {}):
            return self.theorem(node)
        method = getattr(self, f"_block_{kind}", None)
        if method is None:
            if isinstance(node, nodes.Inline | nodes.Text):
                return [self.inline(node)]
            raise Unknown(f"no rule to write a {kind} as plain Markdown: {node.astext()[:80]!r}")
        return method(node)

    def heading(self, title: nodes.title, level: int) -> str:
        """Write a heading with the section's number."""
        anchor = f"#{title.parent['ids'][0]}"
        number = self.sections.get(anchor, self.sections.get("")) or ()
        text = self.inlines(title)
        return "#" * level + " " + (".".join(map(str, number)) + ". " if number else "") + text

    def box(self, node: nodes.Element) -> list[str]:
        """Write an admonition."""
        content = list(node.children)
        title = nodes.title("", nodes.Text(type(node).__name__.title()))
        if content and isinstance(content[0], nodes.title):
            title = content.pop(0)
        body = [text for child in content for text in self.block(child)]
        if {"dropdown", "toggle"} & set(node["classes"]):
            return details(self.plain(title), body)
        return [quote([f"**{self.inlines(title)}**", *body])]

    def theorem(self, node: nodes.Element) -> list[str]:
        """Write a numbered theorem, proposition, lemma and so on."""
        title, *content = node.children
        number = self.number(node["countertype"], node)
        head = f"**{node['realtype'].title()} {number}".rstrip() + "**"
        head += "" if not title.astext().strip() else " " + self.inlines(title).strip()
        return [quote([head, *(text for child in content for text in self.block(child))])]

    def _block_proof_node(self, node: nodes.Element) -> list[str]:
        """Write a proof, whose text begins with the word "Proof."."""
        body = [text for child in node.children for text in self.blocks(child)]
        folded = isinstance(node.parent[node.parent.index(node) - 1], nodes.raw)
        if body:  # a fold's title says it already
            body[0] = re.sub(r"^Proof\. *", "" if folded else "*Proof.* ", body[0])
            body[-1:] = [f"{body[-1]} ∎"] if body[-1][-1] in ".!?)" else [body[-1], "∎"]
        return body if folded else [quote(body)]

    def _block_exercise_enumerable_node(self, node: nodes.Element) -> list[str]:
        """Write an exercise: a heading, so that a folded solution ends at the next one."""
        title, *content = node.children
        label = self.formats["exercise"] % self.number("exercise", node)
        body = [text for child in content for text in self.block(child)]
        return [f"### {label}{self.inlines(title)}", *body]

    def _block_paragraph(self, node: nodes.Element) -> list[str]:
        text = self.inlines(node).strip()
        return [escape_start(text)] if text else []

    def _block_rubric(self, node: nodes.Element) -> list[str]:
        return [f"**{self.inlines(node)}**"]

    def _block_transition(self, node: nodes.Element) -> list[str]:
        return ["---"]

    def _block_section(self, node: nodes.Element) -> list[str]:
        """Write what is inside the section that sphinx-proof puts into its boxes."""
        return self.blocks(node)

    _block_container = _block_compound = _block_section

    def _block_math_block(self, node: nodes.Element) -> list[str]:
        source = node.astext()
        if rows(source) and not node.get("nowrap"):
            source = rf"\begin{{aligned}} {source} \end{{aligned}}"
        number = self.number("displaymath", node)
        return [f"$$ {formula(source)}" + (rf" \tag{{{number}}}" if number else "") + " $$"]

    def _block_bullet_list(self, node: nodes.Element) -> list[str]:
        return [self.items(node, lambda _: "- ")]

    def _block_enumerated_list(self, node: nodes.Element) -> list[str]:
        start = node.get("start", 1)
        return [self.items(node, lambda index: f"{start + index}. ")]

    def items(self, node: nodes.Element, mark: Callable[[int], str]) -> str:
        """Write the items of a list: close together if each is one paragraph."""
        items = [self.blocks(item) for item in node.children]
        between = "\n" if all(len(item) == 1 for item in items) else "\n\n"
        written = []
        for index, item in enumerate(items):
            head = mark(index)
            text = "\n\n".join(item).replace("\n", "\n" + " " * len(head))
            written.append(head + re.sub(r"(?m)^ +$", "", text))
        return between.join(written)

    def _block_definition_list(self, node: nodes.Element) -> list[str]:
        written = []
        for item in node.children:
            terms = [self.inlines(c) for c in item.children if isinstance(c, nodes.term)]
            body = [t for c in item.children if isinstance(c, nodes.definition)
                    for t in self.blocks(c)]
            written += [f"**{', '.join(terms)}**", quote(body)]
        return written

    def _block_block_quote(self, node: nodes.Element) -> list[str]:
        return [quote(self.blocks(node))]

    def _block_sidebar(self, node: nodes.Element) -> list[str]:
        """Write a note in the margin, whose title may be empty."""
        title, *content = node.children
        body = [text for child in content for text in self.block(child)]
        return [quote(([f"**{self.inlines(title)}**"] if title.astext() else []) + body)]

    def _block_dropdown_main(self, node: nodes.Element) -> list[str]:
        """Write a fold of sphinx-design."""
        title, *content = node.children
        return details(
            self.plain(title), [text for child in content for text in self.block(child)]
        )

    def _block_literal_block(self, node: nodes.Element) -> list[str]:
        fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", node.astext())), default=0))
        language = {"default": "", "none": ""}.get(node.get("language"), node.get("language", ""))
        return [f"{fence}{language}\n{node.astext()}\n{fence}"]

    def _block_raw(self, node: nodes.Element) -> list[str]:
        """Write HTML, of which Colab drops the classes."""
        text = re.sub(r' class="[^"]*"', "", node.astext()).strip()
        return [text] if "html" in node.get("format", "") else []

    def _block_image(self, node: nodes.Element) -> list[str]:
        return [self.inline(node)]

    def _block_figure(self, node: nodes.Element) -> list[str]:
        """Write a figure: the picture, and its numbered caption."""
        pictures = [t for c in node.children if not isinstance(c, nodes.caption | nodes.legend)
                    for t in self.block(c)]
        return [*pictures, *self.caption(node)]

    def caption(self, figure: nodes.Element) -> list[str]:
        """Write the numbered caption of a figure."""
        text = " ".join(self.inlines(c) for c in figure.children if isinstance(c, nodes.caption))
        number = self.number("figure", figure)
        label = f"**{self.formats['figure'] % number}** " if number else ""
        return [label + text] if text else []

    def _block_table(self, node: nodes.Element) -> list[str]:
        table = [[self.cell(entry) for entry in row] for row in node.findall(nodes.row)]
        width = max(map(len, table))
        if not list(node.findall(nodes.thead)):
            table.insert(0, [" "] * width)
        lines = ["| " + " | ".join(row) + " |" for row in table]
        lines.insert(1, "|" + "---|" * width)
        titles = [f"**{self.inlines(c)}**" for c in node.children if isinstance(c, nodes.title)]
        return [*titles, "\n".join(lines)]

    def cell(self, entry: nodes.Element) -> str:
        """Write a table's cell, where a bar would end it."""
        text = "<br>".join(self.blocks(entry)).replace("\n", " ")
        text = re.sub(r"\$[^$]*\$", lambda m: m[0].replace(r"\|", r"\Vert ")
                      .replace("|", r"\vert "), text)
        return text.replace("|", r"\|")

    def _block_footnote(self, node: nodes.Element) -> list[str]:
        label, *content = node.children
        body = [text for child in content for text in self.block(child)]
        return [f"<sup>{label.astext()}</sup> {body[0]}", *body[1:]] if body else []
