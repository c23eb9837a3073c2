"""Where the book's files are, and which chapters there are."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
SITE = ROOT / "_build" / "html"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""What a chapter says about itself: nothing of the machine that it was executed on."""


def paths(names: tuple[str, ...] | list[str] = ()) -> list[Path]:
    """The notebooks of these chapters, or of the whole book.

    Args:
        names: Chapters by their path below ``book/``, such as "gp_limit/random_networks".

    Raises:
        ValueError: There is no such chapter.
    """
    if not names:
        return sorted(p for p in BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
    found = [BOOK / f"{name.removesuffix('.ipynb').removeprefix('book/')}.ipynb" for name in names]
    for path in found:
        if not path.exists():
            known = ", ".join(name_of(path) for path in paths())
            raise ValueError(f"expected one of the chapters {known}; got {name_of(path)!r}")
    return found


def name_of(path: Path) -> str:
    """A chapter's name, its path below ``book/`` without the ending."""
    return path.relative_to(BOOK).with_suffix("").as_posix()


def read(path: Path) -> NotebookNode:
    """A notebook, as version 4."""
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Its code cells that hold anything."""
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]


def tags(cell: NotebookNode) -> list[str]:
    """A cell's tags."""
    return cell.metadata.get("tags", [])
