"""Make the Colab, student and instructor editions of a chapter.

A chapter's resolved page gives the prose, piece by piece, in plain Markdown; its notebook gives
the code cells with their outputs, and the teaching notes, which the page leaves out. Each piece
remembers the cell that it comes from, which is how the two are put together again.

- Colab: everything but the teaching notes; solutions stand under folded headings.
- Student: no solutions, and what the exercises' cells showed is cleared.
- Instructor: everything, nothing folded.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import nbformat
from docutils import nodes
from nbformat import NotebookNode

from bookkit.chapters import METADATA, tags
from bookkit.editions.plain_markdown import Writer, quote
from bookkit.first_cell import INSTALL

EDITIONS = ("colab", "student", "instructor")
CELL = 10_000  # MyST-NB starts the lines of cell i at (i + 1) * 10000


@dataclass(frozen=True)
class Piece:
    """Plain Markdown from one cell of a chapter."""

    cell: int
    text: str
    solution: bool = False
    opens_solution: bool = False


class Pieces:
    """Takes a resolved page apart."""

    def __init__(self, writer: Writer) -> None:
        """Start with the first cell."""
        self.writer = writer
        self.cell = 0
        self.solution_cells: set[int] = set()

    def of(
        self, parent: nodes.Element, level: int = 0, solution: bool = False
    ) -> Iterator[Piece]:
        """Yield what is inside a document, a section or a solution, in order."""
        for node in parent.children:
            self._find_cell(node)
            if isinstance(node, nodes.section):
                yield from self.of(node, level + 1, solution)
            elif isinstance(node, nodes.title):
                yield self._piece(self.writer.heading(node, level), solution)
            elif type(node).__name__ == "solution_node":
                title, *content = node.children
                # Below the exercise's heading, so that the next of its level ends the fold.
                text = "#### " + "".join(
                    self.writer.inlines(n) if isinstance(n, nodes.reference)
                    else self.writer.inline(n) for n in title.children
                )
                yield Piece(self.cell, text, solution=True, opens_solution=True)
                for child in content:
                    yield from self.of(child, level, solution=True)
            elif isinstance(node, nodes.Element) and node.get("nb_element") == "cell_code":
                if solution:
                    self.solution_cells.add(node["cell_index"])
                for figure in node.findall(nodes.figure):
                    yield from (self._piece(t, solution) for t in self.writer.caption(figure))
            else:
                yield from (self._piece(text, solution) for text in self.writer.block(node))

    def _piece(self, text: str, solution: bool) -> Piece:
        return Piece(self.cell, text, solution)

    def _find_cell(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Element) and "cell_index" in node:
            self.cell = node["cell_index"]
            return
        lines = (n.line for n in node.findall() if n.line) if node.line is None else [node.line]
        self.cell = max(self.cell, next(iter(lines), 0) // CELL - 1)


def markdown_cells(pieces: list[Piece]) -> list[tuple[Piece, list[str]]]:
    """Join pieces from one cell, but let a solution's heading stand alone, to be folded."""
    joined: list[tuple[Piece, list[str]]] = []
    for piece in pieces:
        last = joined[-1][0] if joined else None
        if last and (last.cell, last.solution) == (piece.cell, piece.solution) and not (
            last.opens_solution or piece.opens_solution
        ):
            joined[-1][1].append(piece.text)
        else:
            joined.append((piece, [piece.text]))
    return joined


def own_cell(cell: NotebookNode, edition: str) -> NotebookNode:
    """Copy a code cell or a teaching note; Colab and JupyterLab hide code in different words."""
    if cell.cell_type == "markdown":
        note = nbformat.v4.new_markdown_cell(quote([cell.source]))
        note.metadata["tags"] = ["instructor"]
        return note
    new = nbformat.v4.new_code_cell(cell.source)
    new.outputs = copy.deepcopy(cell.outputs)
    new.execution_count = cell.execution_count
    if tags(cell):
        new.metadata["tags"] = list(tags(cell))
    if "hide-input" in tags(cell):
        new.metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}
    if edition == "student" and "exercise" in tags(cell):
        new.outputs, new.execution_count = [], None
    return new


def make(
    notebook: NotebookNode,
    pieces: list[Piece],
    solution_cells: set[int],
    edition: str,
    install_cell: str | None = None,
) -> NotebookNode:
    """Put an edition together.

    Args:
        notebook: The chapter's source, with outputs.
        pieces: Its prose.
        solution_cells: Indices of the code cells that stand in solutions.
        edition: One of `EDITIONS`.
        install_cell: What stands in the first cell, in place of the chapter's own.

    Raises:
        ValueError: No cell, or more than one, installs the package.
    """

    def belongs(index: int, cell: NotebookNode) -> bool:
        """Whether the edition has this cell, if it is code or a teaching note."""
        if "instructor" in tags(cell):
            return edition == "instructor"
        solution = index in solution_cells or "solution" in tags(cell)
        return cell.cell_type == "code" and bool(cell.source.strip()) and not (
            solution and edition == "student"
        )

    own = [pair for pair in enumerate(notebook.cells) if belongs(*pair)]
    kept, folded = [], []

    def flush(stop: int) -> None:
        """Add the chapter's own cells, up to the one with this index."""
        while own and own[0][0] <= stop:
            kept.append(own_cell(own.pop(0)[1], edition))

    for piece, texts in markdown_cells(pieces):
        flush(piece.cell)
        if piece.solution and edition == "student":
            continue
        kept.append(nbformat.v4.new_markdown_cell("\n\n".join(texts)))
        if piece.opens_solution and edition == "colab":
            kept[-1].metadata["jp-MarkdownHeadingCollapsed"] = True
            folded.append(kept[-1])
    flush(len(notebook.cells))

    install = [cell for cell in kept if cell.cell_type == "code" and INSTALL.search(cell.source)]
    if len(install) != 1:
        raise ValueError(f"{len(install)} cells install the package; one has to")
    install[0].source = install_cell or install[0].source
    kept.remove(install[0])
    kept.insert(0, install[0])
    for index, cell in enumerate(kept):
        cell["id"] = f"cell-{index:03d}"
    for cell in folded:
        cell.metadata["id"] = cell["id"]  # the name by which Colab knows a folded section
    colab = {"provenance": [], "toc_visible": True}
    if folded:
        colab["collapsed_sections"] = [cell["id"] for cell in folded]
    metadata = copy.deepcopy(METADATA) | {"colab": colab}
    return nbformat.v4.new_notebook(cells=kept, metadata=metadata)
