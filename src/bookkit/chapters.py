"""Where the book's files are, and which chapters there are."""

import ast
from argparse import ArgumentParser, ArgumentTypeError, Namespace
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


def paths() -> list[Path]:
    """The notebooks of the whole book."""
    return sorted(p for p in BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def path_of(name: str) -> Path:
    """The notebook of a chapter.

    Args:
        name: Its path below ``book/``, such as "gp_limit/random_networks".

    Raises:
        ValueError: There is no such chapter.
    """
    path = BOOK / f"{name.removesuffix('.ipynb').removeprefix('book/')}.ipynb"
    if not path.exists():
        known = ", ".join(map(name_of, paths()))
        raise ValueError(f"expected one of the chapters {known}; got {name_of(path)!r}")
    return path


def parsed(parser: ArgumentParser) -> Namespace:
    """A command line that may name chapters: `chapter` is their paths, or all (`all_chapters`)."""
    def known(name: str) -> Path:
        try:
            return path_of(name)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from None

    parser.add_argument("chapter", nargs="*", type=known,
                        help="such as gp_limit/random_networks; without any, all")
    options = parser.parse_args()
    options.all_chapters = not options.chapter
    options.chapter = options.chapter or paths()
    return options


def name_of(path: Path) -> str:
    """A chapter's name, its path below ``book/`` without the ending."""
    return path.relative_to(BOOK).with_suffix("").as_posix()


def names() -> list[str]:
    """The names of all chapters."""
    return list(map(name_of, paths()))


def read(path: Path) -> NotebookNode:
    """A notebook, as version 4."""
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Its code cells that hold anything."""
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]


def tags(cell: NotebookNode) -> list[str]:
    """A cell's tags."""
    return cell.metadata.get("tags", [])


def without_figures(source: str) -> str:
    """A cell's code without the statements that show a figure, whose words may change."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
                and ast.unparse(node.value.func) in ("figures.show", "figures.player")):
            lines[node.lineno - 1:node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    return "\n".join(filter(str.strip, lines))
