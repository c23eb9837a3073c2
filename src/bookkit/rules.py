"""The rules of style and storage that chapters obey: ``python -m bookkit rules [CHAPTER …]``."""

import argparse
import re

import nbformat

from bookkit import cards, changes, chapters, reading_time, run_times
from bookkit.chapters import code_cells, read, tags

CHECK = re.compile(r'claims\.check\(\s*"([^"]+)"')
EXERCISE = re.compile(r'exercises\.check\(\s*"([^"]+)"')
HEADING = re.compile(r"^(#{1,2}) +(.+?)\s*$", re.MULTILINE)
WITHOUT_NOTE = {"Take-aways", "What the sources say", "Further reading"}
NOTE = re.compile(
    r"\*\*Teaching note\*\* \((?P<minutes>\d+) min\)\n\n"
    r"- \*\*Point\.\*\* \S.*\n"
    r"- \*\*Misconception\.\*\* \S.*\n"
    r"- \*\*Ask\.\*\* \S.* \*\*Expect\.\*\* \S.*"
    r"(\n.*)*"  # whatever else a teacher should know
)
MYST = re.compile(r"^ *:{3,}|\{[\w:-]+\}`|```\{|^\([\w-]+\)=|\{\{", re.MULTILINE)
PARTS = ("At a glance", "What could fool us", "Take-aways", "What the sources say",
         "Further reading", "## Exercises")
PLACEHOLDER = re.compile(r"\b(TODO|FIXME|XXX|TBD|coming soon)\b", re.IGNORECASE)


def text(notebook):
    """All of its prose."""
    return "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def outputs(notebook):
    """All outputs."""
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def claims_checked(notebook):
    """Ids of the claims that a chapter checks, as often as it does."""
    return [id for cell in code_cells(notebook) for id in CHECK.findall(cell.source)]


def problems(notebook):
    """Everything that breaks a rule of style or storage, as sentences."""
    cells = code_cells(notebook)
    found = [problem for cell in cells for problem in _cell_problems(cell)]
    found += [problem for output in outputs(notebook) for problem in _output_problems(output)]
    found += _prose_problems(text(notebook))
    counts = [c.execution_count for c in cells]
    if counts != list(range(1, len(cells) + 1)):
        found.append("code cells were not all executed once, in order")
    if len(run_times.headers(notebook)) != 1:
        found.append("no run time in 'At a glance', or several")
    if notebook.metadata != chapters.METADATA:
        found.append("metadata of a machine; run make execute, or edit with make lab SOURCE=1")
    if re.search(r"/(home|root|tmp|work|Users)/", str(notebook)):
        found.append("a path of a machine")
    claims = len(set(claims_checked(notebook)))
    if claims < 6:
        found.append(f"only {claims} claims are checked")
    if (size := len(nbformat.writes(notebook))) > 3_000_000:
        found.append(f"a file of {size / 1e6:.1f} MB")
    return found


def _cell_problems(cell):
    """What is wrong with a code cell."""
    length = len(cell.source.splitlines())
    if length > 25:
        yield f"a code cell of {length} lines: {cell.source[:60]!r}"
    if "noqa" in cell.source or "warnings.filter" in cell.source:
        yield f"a silenced warning: {cell.source[:60]!r}"
    handed_on = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
    for output in cell.outputs:
        figure = output.get("metadata", {}).get("image/png", {})
        if "caption" in figure and handed_on != figure["alt"]:
            yield "alt text in cell and output differ; run make execute"


def _output_problems(output):
    """What is wrong with an output."""
    data = output.get("data", {})
    if output.output_type == "error" or output.get("name") == "stderr":
        yield f"an error or stderr is stored: {str(output)[:120]}"
    if any("widget" in mime for mime in data):
        yield "widget state is stored"
    if "image/png" in data:
        if len(data["image/png"]) * 3 / 4 > 150_000:
            yield f"a figure of {len(data['image/png']) * 3 / 4e3:.0f} kB"
        if not {"alt", "caption", "name"} <= set(output.metadata.get("image/png", {})):
            yield "a figure without alt text, caption or name; use figures.show"
    html = data.get("text/html", "")
    if 'class="player"' in html and not re.search(r'"player-caption">[^<]{20}', html):
        yield "a player without a caption"


def _prose_problems(prose):
    """What is wrong with the text."""
    yield from (f"no part {part!r}" for part in PARTS if part not in prose)
    if match := PLACEHOLDER.search(prose):
        yield f"a placeholder: {match[0]!r}"


def exercise_problems(notebook):
    """Exercises whose stub or solution is missing, or does not do what it should."""
    found, stubs, solved = [], set(), set()
    for cell in code_cells(notebook):
        shown = cards.exercises({"cells": [cell]})
        for id in EXERCISE.findall(cell.source):
            if "exercise" in tags(cell):
                stubs.add(id)
                if shown.get(id) != "open":
                    found.append(f"the stub of {id} is not shown as open")
            elif "solution" in tags(cell):
                solved.add(id)
                if shown.get(id) != "ok":
                    found.append(f"the solution of {id} is not accepted")
            else:
                found.append(f"{id}: neither tagged exercise nor solution")
    if stubs != solved:
        found.append(f"stub without solution or the reverse: {sorted(stubs ^ solved)}")
    if len(stubs) < 4:
        found.append(f"only {len(stubs)} exercises with a check")
    return found


def minutes(notebook):
    """What a chapter takes in class by its first teaching note, or None."""
    for cell in notebook.cells:
        note = NOTE.fullmatch(cell.source.strip()) if "instructor" in tags(cell) else None
        if note:
            return int(note["minutes"])
    return None


def teaching_problems(notebook):
    """Sections without a teaching note, and notes that break the rules, as sentences."""
    found, times, sections = [], [], []
    for cell in notebook.cells:
        noted = "instructor" in tags(cell)
        titles = [title for _, title in HEADING.findall(cell.source)]
        if cell.cell_type == "markdown" and not noted and titles:
            if len(titles) > 1:
                found.append(f"headings in one cell: {titles}")
            sections.append((titles[0], []))
        elif sections:
            sections[-1][1].append(cell)
    for title, cells in sections:
        notes = [cell for cell in cells if "instructor" in tags(cell)]
        if len(notes) != (title not in WITHOUT_NOTE):
            found.append(f"{len(notes)} teaching notes below the heading {title!r}")
        for cell in notes:
            note = NOTE.fullmatch(cell.source.strip())
            if note:
                times.append(int(note["minutes"]))
            else:
                found.append(f"a teaching note not in the form of the others: {title!r}")
            if cells.index(cell) > 1:
                found.append(f"a teaching note far below its heading: {title!r}")
            if MYST.search(cell.source):
                found.append(f"MyST syntax in a teaching note: {title!r}")
            if cell.cell_type != "markdown" or sorted(tags(cell)) != ["instructor", "remove-cell"]:
                found.append(f"a teaching note with other tags: {tags(cell)}")
    if times and times[0] != sum(times[1:]):
        found.append(f"{times[0]} min for the chapter, {sum(times[1:])} in its sections")
    return found


def main():
    """Say what breaks a rule in these chapters, or in all; exit code 1 if anything does."""
    parser = argparse.ArgumentParser(description="Say which rules the chapters break.")
    fine = True
    for path in chapters.parsed(parser).chapter:
        notebook = read(path)
        name = chapters.name_of(path)
        found = [*problems(notebook), *exercise_problems(notebook), *teaching_problems(notebook),
                 *reading_time.problems(notebook), *changes.problems(notebook)]
        if run_times.FILE.exists():
            found += run_times.problems(name, notebook, run_times.load())
        for problem in found:
            print(f"{name}: {problem}")
            fine = False
    return int(not fine)
