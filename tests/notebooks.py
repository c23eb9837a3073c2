"""The chapters as stored, and the rules of their style."""

import re
from pathlib import Path

import nbformat

BOOK = Path(__file__).resolve().parent.parent / "book"
CHAPTERS = sorted(p for p in BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
NAMES = [str(p.relative_to(BOOK).with_suffix("")) for p in CHAPTERS]
CHECK = re.compile(r'claims\.check\(\s*"([^"]+)"')
EXERCISE = re.compile(r'exercises\.check\(\s*"([^"]+)"')
PLACEHOLDER = re.compile(r"\b(TODO|FIXME|XXX|TBD|coming soon)\b", re.IGNORECASE)


def read(path):
    """A chapter."""
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    """Its code cells that hold anything."""
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]


def text(notebook):
    """All of its prose."""
    return "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def tags(cell):
    """A cell's tags."""
    return cell.metadata.get("tags", [])


def outputs(notebook):
    """All outputs."""
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def claims_checked(notebook):
    """Ids of the claims that a chapter checks, as often as it does."""
    return [id for cell in code_cells(notebook) for id in CHECK.findall(cell.source)]


def problems(notebook):
    """Everything that breaks a rule of style or storage, as sentences."""
    found = []
    cells = code_cells(notebook)
    counts = [c.execution_count for c in cells]
    if counts != list(range(1, len(cells) + 1)):
        found.append("code cells were not all executed once, in order")
    for cell in cells:
        length = len(cell.source.splitlines())
        if length > 25:
            found.append(f"a code cell of {length} lines: {cell.source[:60]!r}")
        if "noqa" in cell.source or "warnings.filter" in cell.source:
            found.append(f"a silenced warning: {cell.source[:60]!r}")
    for output in outputs(notebook):
        if output.output_type == "error" or output.get("name") == "stderr":
            found.append(f"an error or stderr is stored: {str(output)[:120]}")
        data = output.get("data", {})
        if any("widget" in mime for mime in data):
            found.append("widget state is stored")
        if "image/png" in data:
            if len(data["image/png"]) * 3 / 4 > 150_000:
                found.append(f"a figure of {len(data['image/png']) * 3 / 4e3:.0f} kB")
            if "alt" not in output.metadata.get("image/png", {}):
                found.append("a figure without alt text; use figures.show")
    for cell in cells:
        for output in cell.outputs:
            figure = output.get("metadata", {}).get("image/png", {})
            if "caption" in figure and cell.metadata.get("mystnb", {}).get("image", {}).get(
                "alt"
            ) != figure["alt"]:
                found.append("alt text in cell and output differ; run make execute")
    prose = text(notebook)
    for part in ("At a glance", "What could fool us", "Take-aways", "What the sources say",
                 "Further reading", "## Exercises"):
        if part not in prose:
            found.append(f"no part {part!r}")
    if PLACEHOLDER.search(prose):
        found.append(f"a placeholder: {PLACEHOLDER.search(prose)[0]!r}")
    if not re.search(r"runs in about \d+ s on two cores", prose):
        found.append("no run time in 'At a glance'")
    if len(set(notebook.metadata)) > 2 or notebook.metadata.get("widgets"):
        found.append(f"metadata of a machine: {sorted(notebook.metadata)}")
    if re.search(r"/(home|root|tmp|work|Users)/", str(notebook)):
        found.append("a path of a machine")
    return found


def exercise_problems(notebook):
    """Exercises whose stub or solution is missing, or does not do what it should."""
    found, stubs, solved = [], set(), set()
    for cell in code_cells(notebook):
        shown = " ".join(o.get("data", {}).get("text/plain", "") for o in cell.outputs)
        for id in EXERCISE.findall(cell.source):
            if "exercise" in tags(cell):
                stubs.add(id)
                if f"○ {id}" not in shown:
                    found.append(f"the stub of {id} is not shown as open")
            elif "solution" in tags(cell):
                solved.add(id)
                if f"✓ {id}" not in shown:
                    found.append(f"the solution of {id} is not accepted")
            else:
                found.append(f"{id}: neither tagged exercise nor solution")
    if stubs != solved:
        found.append(f"stub without solution or the reverse: {sorted(stubs ^ solved)}")
    if len(stubs) < 4:
        found.append(f"only {len(stubs)} exercises with a check")
    return found
