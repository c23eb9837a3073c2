"""Find the notebooks of a class in a folder, whatever else the folder holds."""

import json
import os
import re
import stat
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
LEFT_BY_SYSTEMS = {".ipynb_checkpoints", "__MACOSX", "__pycache__"}
LARGEST = 200 * 2**20
# "work (1).ipynb" and "work - Copy.ipynb" are what browsers and file managers make of a second one.
COPY = re.compile(r"(?: *\(\d+\)|[ _-]+copy(?: *\(?\d+\)?)?)+$", re.IGNORECASE)


@dataclass
class Submission:
    """A notebook that was handed in, or why there is none.

    Attributes:
        name: Its path in the folder, fit to print.
        student: The folder that it lies in, or its own name.
        notebook: Its cells, without their outputs; None if it cannot be graded.
        problem: Why it cannot be graded.
    """

    name: str
    student: str
    notebook: NotebookNode | None = None
    problem: str = ""


def printable(text: str) -> str:
    """A text without what would upset a terminal or a table: control characters, odd bytes."""
    text = unicodedata.normalize("NFC", os.fsencode(text).decode("utf-8", "replace"))
    return "".join(c if c.isprintable() else "�" for c in text)


class Refused(Exception):
    """Why a file cannot be graded."""


def load(path: Path) -> NotebookNode:
    """Read a notebook of any version, without its outputs.

    Raises:
        Refused: With the reason.
    """
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise Refused("a link, which is not followed")
    if not stat.S_ISREG(mode):
        raise Refused("not a file")
    if path.stat().st_size > LARGEST:
        raise Refused(f"larger than {LARGEST >> 20} MB")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        if not text.strip():
            raise Refused("an empty file")
        content = json.loads(text)
    except OSError as error:
        raise Refused(f"not readable: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise Refused(f"no complete notebook: {error}"[:200]) from None
    if not isinstance(content, dict) or "nbformat" not in content:
        raise Refused("JSON, but not a notebook")
    try:
        return convert(content)
    except Refused:
        raise
    except Exception as error:  # whatever a malformed notebook makes nbformat stumble over
        raise Refused(f"a malformed notebook: {type(error).__name__}: {error}"[:200]) from None


def convert(content: dict) -> NotebookNode:
    """A notebook of version 4 with nothing in it but cells that are fit to run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # missing ids of cells and the like
        content = {"metadata": {}, "nbformat_minor": 0} | content
        notebook = nbformat.reads(json.dumps(content), as_version=4)
    kernel = notebook.metadata.get("kernelspec", {}).get("language")
    language = kernel or notebook.metadata.get("language_info", {}).get("name") or "python"
    if "python" not in str(language).lower():
        raise Refused(f"a notebook in {language}, not in Python")
    fit = nbformat.v4.new_notebook()
    for cell in notebook.cells:
        tags = [tag for tag in cell.metadata.get("tags") or [] if isinstance(tag, str)]
        code = cell.cell_type == "code"
        make = nbformat.v4.new_code_cell if code else nbformat.v4.new_markdown_cell
        source = cell.source if isinstance(cell.source, str) else "".join(cell.source)
        fit.cells.append(make(source, metadata={"tags": tags}))
    return fit


def walk(folder: Path, problems: list[tuple[Path, str]]) -> Iterator[Path]:
    """All files below a folder in order; what cannot be entered is noted."""
    def note(error: OSError) -> None:
        problems.append((Path(error.filename), f"not readable: {error.strerror}"))

    for here, folders, files in os.walk(folder, onerror=note):
        folders[:] = sorted(f for f in folders if f not in LEFT_BY_SYSTEMS)
        for name in list(folders):
            path = Path(here, name)
            if path.is_symlink():
                folders.remove(name)
                problems.append((path, "a link, which is not followed"))
        yield from (Path(here, name) for name in sorted(files) if not name.startswith("."))


def collect(folder: Path) -> tuple[list[Submission], list[str]]:
    """All notebooks of a folder, in order, and what was left aside, each with a reason."""
    problems: list[tuple[Path, str]] = []
    found, aside = [], []
    handed_in: dict[str, list[str]] = {
        path.name: [] for path in sorted(folder.iterdir())
        if path.is_dir() and not path.name.startswith(".") and path.name not in LEFT_BY_SYSTEMS}
    for path in walk(folder, problems):
        parts = path.relative_to(folder).parts
        name = printable("/".join(parts))
        if path.suffix.lower() != ".ipynb":
            reason = "an archive: unpack it" if path.suffix.lower() in ARCHIVES else "no notebook"
            aside.append(f"{name} ({reason})")
            if len(parts) > 1:
                handed_in[parts[0]].append(name)
            continue
        stem = COPY.sub("", path.stem) or path.stem
        submission = Submission(name, printable(parts[0] if len(parts) > 1 else stem))
        try:
            submission.notebook = load(path)
        except Refused as refused:
            submission.problem = printable(str(refused))
        except OSError as error:
            submission.problem = f"not readable: {error.strerror}"
        found.append(submission)
    for path, reason in problems:
        parts = path.relative_to(folder).parts
        found.append(Submission(printable("/".join(parts)), printable(parts[0] if parts else "."),
                                problem=reason))
    for student, others in handed_in.items():
        student = printable(student)
        if not any(submission.student == student for submission in found):
            archive = any(other.lower().endswith(ARCHIVES) for other in others)
            reason = "an archive: unpack it" if archive else f"only {', '.join(others[:3])}"
            reason = reason if others else "an empty folder"
            found.append(Submission(f"{student}/", student, problem=f"no notebook, {reason}"))
    found.sort(key=lambda submission: submission.name)
    seen = Counter()
    for submission in found:  # names that differ only in what cannot be printed
        seen[submission.name] += 1
        if seen[submission.name] > 1:
            submission.name += f" (no. {seen[submission.name]})"
    return found, aside
