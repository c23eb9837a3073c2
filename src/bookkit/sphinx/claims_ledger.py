"""Sphinx directive ``{claims-ledger}``: every claim of the book beside what its chapter measured.

The claims come from ``claims.toml``, the measurements from the cards among the stored outputs of
the notebooks. Nothing is executed, so the ledger shows what the tests verified.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookkit import cards, sabotage
from bookkit.words import count
from infinite_width import typeset
from infinite_width.claims import EVIDENCE, Claim, number, parse

HEADINGS = ("Claim and source", "Measured", "Predicted", "Ruled out")


def parse_claims(text: str) -> list[Claim]:
    """Parse claims.toml.

    Raises:
        ValueError: The text is no TOML, or a claim breaks the rules of the list.
    """
    return [parse(name, entry) for name, entry in tomllib.loads(text).items()]


def parse_measurements(notebook: dict[str, Any]) -> dict[str, str]:
    """Return ``{claim: measured}`` from the claim cards among a notebook's stored outputs.

    What missed its claim starts with ✗.
    """
    return {card.id: ("" if card.holds else "✗ ") + number(card.value, card.error)
            for card in cards.claims(notebook).values()}


def typeset_text(text: str) -> nodes.raw:
    """Text of the list, with its mathematics as the cards show it."""
    return nodes.raw("", typeset.html(text), format="html")


def notebook_title(notebook: dict[str, Any], default: str) -> str:
    """Return the first level-one heading of a notebook."""
    for cell in notebook.get("cells", []):
        source = cell.get("source", "")
        source = source if isinstance(source, str) else "".join(source)
        heading = re.search(r"^# +(.+)$", source, re.MULTILINE)
        if cell.get("cell_type") == "markdown" and heading:
            return heading[1].strip()
    return default


def summary(claims: int, chapters: int, measured: list[str]) -> str:
    """Write the line above the ledger, from the claims that have been measured."""
    if not claims:
        return "The book makes no claim yet."
    held = sum(not value.startswith("✗") for value in measured)
    line = f"The book makes {count(claims, 'claim')} in {count(chapters, 'chapter')}. "
    if held == claims:
        return line + "In the stored run every one of them held."
    line += f"In the stored run {held} held, {len(measured) - held} did not, "
    return line + f"and {claims - len(measured)} have not been run yet."


def evidence(claims: Sequence[Claim], broken: int) -> str:
    """Write on what the claims rest, and how many a deliberate error makes fail."""
    if not claims:
        return ""
    kinds = Counter(claim.evidence for claim in claims)
    parts = [f"{kinds[kind]} {words}" for kind, words in EVIDENCE.items() if kinds[kind]]
    line = f"Measured {', '.join(parts)}."
    return line + (f" A deliberate error has been shown to make {broken} of them fail."
                   if broken else "")


class ClaimsLedger(SphinxDirective):
    """Render all claims by part and chapter, in the order of the table of contents."""

    def run(self) -> list[nodes.Node]:
        """Read claims and notebooks, and return the summary and one section for each part."""
        path = Path(self.env.srcdir, self.config.claims_ledger_claims)
        self.env.note_dependency(str(path))
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        try:
            claims = parse_claims(text)
        except ValueError as error:  # also what tomllib raises
            raise self.error(str(error)) from None

        chapters = dict.fromkeys(claim.chapter for claim in claims)
        notebooks = {chapter: self.notebook(chapter) for chapter in chapters}
        measured: dict[str, str] = {}
        for chapter in chapters:
            stored = parse_measurements(notebooks[chapter])
            here = [c.id for c in claims if c.chapter == chapter]
            measured.update((id, stored[id]) for id in here if id in stored)

        broken = sum(len(sabotage.fails_if(chapter)) for chapter in chapters)
        lines = (summary(len(claims), len(chapters), list(measured.values())),
                 evidence(claims, broken))
        line = nodes.paragraph(text=" ".join(filter(None, lines)))
        line["classes"] = ["ledger-summary"]
        result: list[nodes.Node] = [line]
        for caption, listed in self.parts(list(chapters)):
            part = self.section(f"ledger-{caption}", nodes.Text(caption))
            for chapter in listed:
                rows = [claim for claim in claims if claim.chapter == chapter]
                part += self.chapter(chapter, rows, notebooks[chapter], measured)
            result.append(part)
        return result

    def notebook(self, chapter: str) -> dict[str, Any]:
        """Load a chapter's notebook; an absent one is empty."""
        path = Path(self.env.srcdir, self.docname(chapter) + ".ipynb")
        self.env.note_dependency(str(path))
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def docname(self, chapter: str) -> str:
        """Return the Sphinx document of a chapter, which claims.toml names from book/ on."""
        return f"{self.config.claims_ledger_root}/{chapter}"

    def parts(self, chapters: list[str]) -> list[tuple[str, list[str]]]:
        """Order chapters by the table of contents; those that it lacks come last."""
        parts = []
        rest = list(chapters)
        for subtree in self.config.external_site_map.root.subtrees:
            files = [str(item).removesuffix(".ipynb") for item in subtree.items]
            listed = [c for f in files for c in chapters if self.docname(c) == f]
            rest = [c for c in rest if c not in listed]
            if listed:
                parts.append((subtree.caption or "The book", listed))
        return parts + ([("Not in the table of contents", rest)] if rest else [])

    def section(self, id: str, *title: nodes.Node) -> nodes.section:
        """Make a section with a heading."""
        section = nodes.section(ids=[nodes.make_id(id)])
        section += nodes.title("", "", *title)
        return section

    def chapter(
        self,
        chapter: str,
        claims: list[Claim],
        notebook: dict[str, Any],
        measured: dict[str, str],
    ) -> nodes.section:
        """Make a chapter's section: its title and the table of its claims."""
        title: nodes.Node = nodes.Text(notebook_title(notebook, chapter))
        page = None
        if self.docname(chapter) in self.env.found_docs:
            page = self.env.app.builder.get_relative_uri(self.env.docname, self.docname(chapter))
            title = nodes.reference("", "", title, internal=True, refuri=page)
        section = self.section(f"ledger-{chapter}", title)
        fails = sabotage.fails_if(chapter)
        self.env.note_dependency(str(sabotage.file_of(chapter, "json")))
        section += self.table([self.row(c, page, measured.get(c.id), fails.get(c.id, ()))
                               for c in claims])
        return section

    def row(
        self, claim: Claim, page: str | None, measured: str | None, fails_if: Sequence[str]
    ) -> nodes.row:
        """Make a claim's row. The statement leads to its card, if the chapter shows one."""
        statement: nodes.Node = typeset_text(claim.statement)
        if page is not None:
            # The anchor is raw HTML in the notebook's output, unknown to Sphinx.
            target = f"{page}#claim-{claim.id}" if measured else page
            statement = nodes.reference("", "", statement, internal=True, refuri=target)
        value = nodes.strong(text=measured) if measured else nodes.emphasis(text="not run")
        source = nodes.paragraph("", "", typeset_text(claim.source), classes=["ledger-source"])
        notes = [f"Fails if {text}." for text in fails_if[:2]]
        if claim.confirmed:
            notes.append("Set with values in view, then confirmed under fresh seeds: "
                         f"{', '.join(map(str, claim.confirmed))}.")
        below = [nodes.paragraph("", "", typeset_text(text), classes=["ledger-source"])
                 for text in notes]
        on = nodes.paragraph(text=EVIDENCE[claim.evidence], classes=["ledger-source"])
        rival = typeset_text(f"{number(claim.rival_value)}: {claim.rival}")
        row = nodes.row(ids=[f"ledger-{claim.id}"])
        row += nodes.entry("", nodes.paragraph("", "", statement), source, *below)
        row += nodes.entry("", nodes.paragraph("", "", value), on)
        row += nodes.entry("", nodes.paragraph(text=claim.expectation))
        row += nodes.entry("", nodes.paragraph("", "", rival))
        return row

    def table(self, rows: list[nodes.row]) -> nodes.table:
        """Make a table under the ledger's headings."""
        group = nodes.tgroup(cols=len(HEADINGS))
        group += [nodes.colspec(colwidth=1) for _ in HEADINGS]
        heading = nodes.row()
        heading += [nodes.entry("", nodes.paragraph(text=text)) for text in HEADINGS]
        group += nodes.thead("", heading)
        group += nodes.tbody("", *rows)
        return nodes.table("", group, classes=["claims-ledger"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive with Sphinx."""
    app.add_config_value("claims_ledger_claims", "src/infinite_width/claims.toml", "env")
    app.add_config_value("claims_ledger_root", "book", "env")
    app.add_directive("claims-ledger", ClaimsLedger)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
