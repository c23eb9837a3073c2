"""Write the Colab, student and instructor editions of the chapters, and link to them.

They are written beside the website, from the pages that Sphinx has just resolved for it, so the
numbers agree and every link leads where it does on the website:
``editions/colab/<part>/<chapter>.ipynb`` and so on. The launch buttons open the Colab edition, on
the branch that the website is published from; the folder ``binder`` beside the editions has what
Binder needs for that. The download button offers all. An edition installs the package from the
repository of this build, at the commit that it was made from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlparse

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from bookkit import first_cell
from bookkit.editions import binder
from bookkit.editions.notebooks import EDITIONS, Piece, Pieces, make
from bookkit.editions.origin import origin
from bookkit.editions.plain_markdown import Writer

logger = logging.getLogger(__name__)

OFFERS = {
    "colab": ("fas fa-cloud", "Notebook for Colab or Jupyter, with folded solutions"),
    "student": ("fas fa-user-graduate", "Notebook without solutions"),
    "instructor": ("fas fa-chalkboard-teacher", "Notebook with open solutions and notes"),
}
HEADINGS = {
    "colab": "With solutions, folded.",
    "student": "Without solutions; cells that end in a check say whether an answer is right.",
    "instructor": "With open solutions and teaching notes.",
}


def chapter_of(app: Sphinx, docname: str) -> str | None:
    """Return ``<part>/<chapter>`` for a chapter's page, and None for another page."""
    root = f"{app.config.editions_root}/"
    if not docname.startswith(root) or not app.env.doc2path(docname).endswith(".ipynb"):
        return None
    return docname.removeprefix(root)


def references(app: Sphinx, docname: str, writer: Writer) -> list[str]:
    """List the works that a page cites, as the bibliography writes them."""
    domain = app.env.get_domain("cite")
    here = [ref for ref in domain.citation_refs if ref.docname == docname]
    cited = {target.key for ref in here for target in ref.targets}
    entries = {c.key: c.formatted_entry for c in domain.citations if c.key in cited}
    listed = [writer.inlines(domain.backend.paragraph(entry)) for entry in entries.values()]
    return ["## References", "\n".join(f"- {text.strip()}" for text in listed)] if listed else []


def write_editions(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write the editions of a chapter, whose page has just been resolved."""
    chapter = chapter_of(app, docname)
    if chapter is None or app.builder.format != "html":
        return
    page = urljoin(app.config.html_baseurl, app.builder.get_target_uri(docname))
    images = {uri: f"{app.builder.imagedir}/{name}" for uri, (_, name) in app.env.images.items()}
    writer = Writer(
        page,
        app.env.toc_fignumbers.get(docname, {}),
        app.env.toc_secnumbers.get(docname, {}),
        app.config.numfig_format,
        lambda uri: urljoin(app.config.html_baseurl, images.get(uri, uri)),
    )
    source = nbformat.read(app.env.doc2path(docname), as_version=4)
    install = first_cell.at(first_cell.cell(source, theme_repository(app)), commit_of(app))
    taking = Pieces(writer)
    try:
        pieces = list(taking.of(doctree))
        pieces += [Piece(len(source.cells), t) for t in references(app, docname, writer)]
        for edition in EDITIONS:
            line = Piece(
                pieces[0].cell,
                f"*{edition.title()} edition of [this chapter]({page}) of "
                f"[{app.config.html_title}]({app.config.html_baseurl}). {HEADINGS[edition]}*",
            )
            notebook = make(source, [pieces[0], line, *pieces[1:]],
                            taking.solution_cells, edition, install)
            path = Path(app.outdir, "editions", edition, f"{chapter}.ipynb")
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.validate(notebook)
            path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    except ValueError as error:
        logger.warning("no editions of %s: %s", docname, error, location=docname)


def theme_repository(app: Sphinx) -> str:
    """Return the address of the repository."""
    return app.config.html_theme_options["repository_url"]


def commit_of(app: Sphinx) -> str:
    """Return the commit that the editions are made from."""
    return origin(app.config.html_theme_options["repository_branch"]).commit


def write_binder(app: Sphinx, error: Exception | None) -> None:
    """Write Binder's environment beside the editions."""
    if error is None and app.builder.format == "html":
        binder.write(Path(app.outdir), theme_repository(app), commit_of(app))


def launch_addresses(app: Sphinx, chapter: str) -> dict[str, str]:
    """Return the addresses at which a chapter's edition opens, by the button's text."""
    repository, branch = theme_repository(app), app.config.editions_branch
    hosts = app.config.html_theme_options["launch_buttons"]
    path = f"editions/colab/{chapter}.ipynb"
    found = {"Binder": binder.address(hosts["binderhub_url"], repository, branch, path)}
    if "colab_url" in hosts:
        name = urlparse(repository).path.strip("/")
        found["Colab"] = f"{hosts['colab_url'].rstrip('/')}/github/{name}/blob/{branch}/{path}"
    return found


def link_editions(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Let a chapter's buttons lead to its editions."""
    if doctree is None or (chapter := chapter_of(app, page)) is None:
        return
    groups = {group.get("label"): group for group in context.get("header_buttons", [])}
    addresses = launch_addresses(app, chapter)
    for button in groups.get("launch-buttons", {}).get("buttons", []):
        button["url"] = addresses[button["text"]]
    downloads = groups.get("download-buttons", {}).get("buttons", [])
    for button in downloads:
        if button["label"] == "download-source-button":
            button["text"] = "Source"
    downloads[:0] = [
        {
            "type": "link",
            "url": context["pathto"](f"editions/{edition}/{chapter}.ipynb", 1),
            "text": edition.title(),
            "tooltip": tooltip,
            "icon": icon,
            "label": f"download-{edition}-button",
        }
        for edition, (icon, tooltip) in OFFERS.items()
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Write editions once a page is resolved, and set buttons after the theme has."""
    app.add_config_value("editions_root", "book", "html")
    app.add_config_value("editions_branch", "gh-pages", "html")
    app.connect("doctree-resolved", write_editions, priority=900)
    app.connect("html-page-context", link_editions, priority=900)
    app.connect("build-finished", write_binder)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
