"""Sphinx directive ``{package-reference}``: the flat modules of a package, from their docstrings.

The directive's lines name modules in the order of presentation; modules that they leave out
follow in alphabetical order, so that none is forgotten. A name with ``(module docstring only)``
behind it gets no members.

Docstrings are written for people who read source: names between single backticks, formulas
indented or in running text. ``plain_docstring`` turns them into reStructuredText that means the
same, whatever stars, bars or indents the formulas have.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from pathlib import Path
from types import FunctionType
from typing import Any

import jax
import numpy as np
from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import stringify_annotation

DOCSTRING_ONLY = "(module docstring only)"
SECTIONS = re.compile(
    r"^(Args|Arguments|Attributes|Example|Examples|Note|Notes|Raises|Returns|See Also|Source"
    r"|Sources|References|Todo|Warns|Yields):$"
)
CODE = re.compile(r"(``.+?``|:[\w:]+:`[^`]+`|`[^`]+`)")


def indent_of(line: str) -> int:
    """Count the blanks before a line's text."""
    return len(line) - len(line.lstrip())


def escape(line: str) -> str:
    """Escape what reStructuredText would read as markup, outside backticks."""
    pieces = CODE.split(line)
    pieces[::2] = [re.sub(r"([*|\\]|_(?=\W|$))", r"\\\1", piece) for piece in pieces[::2]]
    return "".join(pieces)


def plain_docstring(lines: list[str]) -> list[str]:
    """Turn a plain docstring into reStructuredText.

    A block that is indented after a blank line is a formula or code and is kept as it stands, and
    so is an example with its prompts; bullet lists, directives and the sections of Google style
    stay what they are.
    """
    result: list[str] = []
    base = 0  # the indent of the paragraph before
    literal: int | None = None  # the indent of the literal block that we are in
    example = False
    for number, line in enumerate(lines):
        if not line.strip():
            result.append("")
            example = False
            continue
        indent = indent_of(line)
        example = example or line.lstrip().startswith(">>>")
        if example:
            result.append(line)
            base = indent
            continue
        if literal is not None and indent >= literal:
            result.append(line)
            continue
        literal = None
        before = [text for text in lines[:number] if text.strip()]
        after_blank = number > 0 and not lines[number - 1].strip()
        previous = before[-1].strip() if before else ""
        opens = after_blank and indent >= base + 4
        markup = previous.startswith((".. ", "- ", "* ", ">>>")) or SECTIONS.match(previous)
        if opens and not markup and not line.lstrip().startswith((".. ", "- ", ">>>")):
            literal = indent
            result += [" " * base + ".. code-block:: text", "", line]
            continue
        base = indent
        bullet = re.match(r"\s*[-*] ", line)
        head = bullet[0] if bullet else ""
        result.append(head + escape(line[len(head) :]))
    return result


def whole_returns(lines: list[str]) -> list[str]:
    """Keep Napoleon from taking what stands before a colon in Returns for the type.

    The types stand in the annotations. An empty type before a colon of our own is none.
    """
    result, inside = list(lines), False
    for number, line in enumerate(lines):
        if inside and line.strip():
            result[number] = " " * indent_of(line) + ": " + line.lstrip()
        inside = line.strip() in ("Returns:", "Yields:") or (inside and not line.strip())
    return result


def rewrite(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring in place, before Napoleon reads its sections."""
    if name.startswith(app.config.package_reference_package):
        lines[:] = whole_returns(plain_docstring(lines))


def package_folder(package: str) -> Path:
    """Find a package's folder without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ExtensionError(f"package {package!r} is not installed in this environment")
    return Path(spec.submodule_search_locations[0])


def public_modules(folder: Path) -> list[str]:
    """List a package's public flat modules."""
    return sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_"))


def first_line(module: Path) -> str:
    """Read the first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return text.split("\n", 1)[0]


class PackageReference(SphinxDirective):
    """Render the package's opening docstring, an overview, and one section for each module."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Make the overview and the sections."""
        package = self.arguments[0]
        folder = package_folder(package)
        present = public_modules(folder)
        listed = {
            line.replace(DOCSTRING_ONLY, "").strip(): DOCSTRING_ONLY not in line
            for line in self.content
            if line.strip()
        }
        unknown = sorted(set(listed) - set(present))
        if unknown:
            raise self.error(f"{package} has no module {', '.join(unknown)}")
        order = list(listed) + [name for name in present if name not in listed]
        for name in order:
            self.env.note_dependency(str(folder / f"{name}.py"))

        self.env.note_dependency(str(folder / "__init__.py"))
        result = self.parse(["```{eval-rst}", f".. automodule:: {package}", "```"])
        overview = ["| module | what it holds |", "|---|---|"]
        for name in order:
            line = escape(first_line(folder / f"{name}.py"))
            overview.append(f"| {{py:mod}}`{name} <{package}.{name}>` | {line} |")
        result += self.parse(overview)
        for name in order:
            section = nodes.section(ids=[nodes.make_id(f"module-{name}")])
            section += nodes.title("", "", nodes.literal(text=name))
            text = ["```{eval-rst}", f".. automodule:: {package}.{name}"]
            text += ["   :members:"] if listed.get(name, True) else []
            section += self.parse([*text, "```"])
            result.append(section)
        return result

    def parse(self, text: list[str]) -> list[nodes.Node]:
        """Parse MyST text without headings."""
        container = nodes.container()
        container.document = self.state.document
        source = StringList(text, source=self.get_source_info()[0])
        self.state.nested_parse(source, self.content_offset, container)
        return container.children


def escape_types(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Escape the stars in the types that Napoleon adds for attributes, as in "*shape"."""
    lines[:] = [line.replace("*", r"\*") if line.startswith(":vartype") else line for line in lines]


def name_unions(
    app: Sphinx, objtype: str, name: str, obj: Any, options: Any, args: str, result: str
) -> None:
    """Print NumPy's and JAX's ArrayLike by that name, not as the dozen types that they join."""
    recorded = app.env.temp_data.get("annotations", {}).get(name, {})
    for argument, text in recorded.items():
        for union in (np.typing.ArrayLike, jax.typing.ArrayLike):
            text = text.replace(stringify_annotation(union, "smart"), "ArrayLike")
        recorded[argument] = text


def skip_fields(
    app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out a class's fields, which its docstring lists under Attributes."""
    methods = (property, functools.cached_property, FunctionType, classmethod, staticmethod)
    return True if what == "class" and not isinstance(obj, methods) else None


def tidy_types(app: Sphinx, doctree: nodes.document) -> None:
    """Print other packages' types by their last name, without a link that leads nowhere."""
    package = app.config.package_reference_package
    for reference in list(doctree.findall(addnodes.pending_xref)):
        target = reference.get("reftarget", "")
        foreign = not target.startswith(package)
        if reference.get("refdomain") == "py" and reference.get("reftype") != "mod" and foreign:
            quoted = target.startswith(("'", '"'))  # a shape, as in Float[Array, "n d"]
            text = f'"{target[1:-1]}"' if quoted else target.rsplit(".", 1)[-1]
            reference.replace_self(nodes.Text(text))
    for label in doctree.findall(nodes.field_name):
        if label.astext() == "Variables":
            label[0] = nodes.Text("Attributes")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and the rewriting of docstrings."""
    app.add_config_value("package_reference_package", "infinite_width", "env")
    app.add_directive("package-reference", PackageReference)
    app.connect("autodoc-process-docstring", rewrite, priority=400)  # Napoleon has 500
    app.connect("autodoc-process-docstring", escape_types, priority=600)
    app.connect("autodoc-process-signature", name_unions, priority=600)  # autodoc records at 500
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("doctree-read", tidy_types)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
