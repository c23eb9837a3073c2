"""What must not be seen in an edition of a chapter, and what it must hold."""

import re
import subprocess
import sys
from urllib.parse import urlparse

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from bookkit.chapters import tags

FENCE = re.compile(r"^(?:> ?)*(`{3,})(?!\{)[^\n]*\n.*?^(?:> ?)*\1`*\s*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
MATHS = re.compile(r"\$\$.+?\$\$|(?<![\\$])\$[^$]+?(?<!\\)\$", re.DOTALL)
# Looked for in the text as it is, outside of fenced code.
ROLES = {
    "a role": r"(?<!`)\{[\w:.+-]+\}`",
    "a directive": r"^[ >]*(?::{3,}|`{3,}\{|~{3,}\{)",
    "an equation's label": r"\$\$ *\([\w:.-]+\)",
}
# Looked for outside of code and mathematics.
SYNTAX = {
    "a label": r"^[ >]*\([\w:.-]+\)=",
    "an option": r"^[ >]*:[a-z][\w-]*:( |$)",
    "an attribute": r"\{[.#%][\w-]+[^}]*\}",
    "a substitution": r"\{\{.*?\}\}",
    "a footnote": r"\[\^[\w-]+\]",
    "a block break": r"^\+\+\+",
    "a comment": r"^%",
    "a definition": r"^: {1,3}\S",
    "front matter": r"\A---\n",
    "a target": r"\[\]\(|<(?:project|path|inv|myst):",
    "HTML that Colab drops": r"<(?:script|style|iframe)\b| (?:class|id|onclick)=",
}
LINK = re.compile(r"\]\(([^)\s]*)")


def myst_in(text):
    """Name the MyST syntax, and the links that lead nowhere, in the text of a Markdown cell."""
    text = FENCE.sub("", text)
    found = [name for name, rule in ROLES.items() if re.search(rule, text, re.MULTILINE)]
    text = MATHS.sub("maths", CODE.sub("code", text))
    found += [name for name, rule in SYNTAX.items() if re.search(rule, text, re.MULTILINE)]
    bad = [url for url in LINK.findall(text)
           if urlparse(url).scheme not in ("http", "https", "mailto")]
    return found + [f"a link that is not absolute: {url!r}" for url in bad]


def leftovers_in(text):
    """Render a Markdown cell without MyST; what still looks like Markdown was not understood."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.use(dollarmath_plugin, renderer=lambda source, options: "")
    rendered = re.sub(r"<(pre|code)\b.*?</\1>", "", parser.render(text), flags=re.DOTALL)
    shown = re.sub(r"<[^>]*>", "", rendered)
    rules = {"emphasis": r"\*|(?<!\w)_(?=\w)", "mathematics": r"\$|\\[a-zA-Z]", "code": "`",
             "a link": r"\]\(", "a table": r"^\|", "a quotation": r"^&gt;",
             "HTML": r"&lt;/?(?:details|summary|b|br|sup|sub)\b"}
    return [name for name, rule in rules.items() if re.search(rule, shown, re.MULTILINE)]


def faults(notebook):
    """All faults in the prose of a notebook, with the beginning of the cell."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            bad = myst_in(cell.source) + leftovers_in(cell.source)
            found += [f"{fault}: {cell.source[:60]!r}" for fault in bad]
    return found


def code(notebook, without=()):
    """The sources of the code cells, without those that have certain tags."""
    return [c.source for c in notebook.cells if c.cell_type == "code" and c.source.strip()
            and not set(tags(c)) & set(without)]


def undefined_names(notebook):
    """Names that no cell defines, for example because a solution did."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F821", "--quiet"]
    command += ["--output-format=concise", "--stdin-filename=notebook.py", "-"]
    source = "\n\n".join(code(notebook))
    run = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    return re.findall(r"F821 (.*)", run.stdout + run.stderr)


def unfolded_solutions(notebook):
    """Solutions whose fold does not end where they end: at a heading that is no deeper."""
    found, inside = [], False
    for cell in notebook.cells:
        if cell.cell_type == "code":
            if not inside and "solution" in tags(cell):
                found.append(f"a solution before its heading: {cell.source[:60]!r}")
            if inside and "solution" not in tags(cell):
                found.append(f"folded with a solution: {cell.source[:60]!r}")
        elif cell.source.startswith("#### Solution"):
            inside = True
        elif re.match(r"#{1,3} ", cell.source):
            inside = False
    return found
