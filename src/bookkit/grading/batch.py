"""Grade a class: many notebooks side by side, and never stop for one of them."""

import argparse
import os
import re
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import psutil

from bookkit.chapters import code_cells
from bookkit.editions import origin
from bookkit.grading import catalogue, process, report, sandbox, submissions
from bookkit.grading.catalogue import Chapter
from bookkit.grading.report import Graded
from bookkit.grading.submissions import Submission, printable

COMMIT = re.compile(r"\bCOMMIT\s*=\s*[\"']([0-9a-f]{7,40})[\"']|\.git@([0-9a-f]{7,40})\b")
NO_SANDBOX = """\
Notebooks are programs. Nothing that works on this system keeps them from your files and from the
network:
{obstacles}
Install bubblewrap (Debian, Ubuntu: apt install bubblewrap). Ubuntu from 23.10 on also has to allow
it, sysctl kernel.apparmor_restrict_unprivileged_userns=0. Elsewhere, grade in a container or a
virtual machine. If you trust everybody who wrote them: make grade TRUST=1, or --trust."""


def assign(found: Sequence[Submission], known: Mapping[str, Chapter], given: str | None
           ) -> dict[str, Chapter | None]:
    """The chapter of each submission: the one given, or its own, or that of most of the class."""
    if given:
        return dict.fromkeys((one.name for one in found), known[given])
    own = {one.name: catalogue.recognise(one.notebook, known) if one.notebook else None
           for one in found}
    votes = Counter(chapter.name for chapter in own.values() if chapter)
    best, count = (votes.most_common(1) or [("", 0)])[0]
    most = known[best] if 2 * count > votes.total() else None
    return {name: chapter or most for name, chapter in own.items()}


def notes_before(one: Submission, chapter: Chapter | None, known: Mapping[str, Chapter],
                 several: Mapping[tuple, int], ours: str | None) -> list[str]:
    """What can be said of a submission without running it."""
    notes = [one.problem] if one.problem else []
    if chapter is None:
        notes.append("of no chapter that is known; say which, CHAPTER=part/chapter")
    if one.notebook is None:
        return notes
    called = catalogue.called(one.notebook)
    if chapter and chapter != catalogue.recognise(one.notebook, known):
        notes.append(f"taken for {chapter.name}, which neither its title nor its exercises say")
    strange = [id for id in called if chapter and id not in chapter.exercises]
    if strange:
        homes = {id: name for name, other in known.items() for id in other.exercises}
        listed = ", ".join(f"{id} ({homes.get(id, 'of no chapter')})" for id in strange[:3])
        notes.append(f"also checks {printable(listed)}, not counted")
    for cell in code_cells(one.notebook):
        if (theirs := COMMIT.search(cell.source)) and ours:
            commit = theirs[1] or theirs[2]
            if not ours.startswith(commit):
                notes.append(f"made from {commit[:7]}, graded with {ours[:7]}")
            break
    if chapter and several[one.student, chapter.name] > 1:
        notes.append(f"one of {several[one.student, chapter.name]} notebooks of this student for "
                     "this chapter")
    return notes


def grade(one: Submission, chapter: Chapter | None, notes: Sequence[str],
          box: sandbox.Sandbox, limits: process.Limits, stop: threading.Event
          ) -> tuple[Graded, bool]:
    """Grade one submission; also whether the grader itself failed."""
    graded = Graded(one.name, one.student, chapter.name if chapter else "", notes=list(notes))
    exercises, failed = chapter.exercises if chapter else (), False
    graded.results = report.results(exercises, (), {})
    if one.notebook is None or chapter is None or stop.is_set():
        return graded, failed
    called = catalogue.called(one.notebook)
    graded.results = report.results(exercises, called, {})
    try:
        outcome = process.run(one.notebook, box, limits, stop)
    except Exception as error:
        traceback.print_exc()
        outcome = process.Outcome(failed=f"{type(error).__name__}: {error}")
    graded.results = report.results(exercises, called, outcome.states)
    graded.seconds = outcome.seconds
    graded.ran = "stopped" if outcome.stopped else "ran to the end"
    if outcome.failed:
        graded.ran, failed = "failed in the grader", True
        graded.notes.append(f"the grader failed: {printable(outcome.failed)}")
    if outcome.errors:
        cell, text = outcome.errors[0]
        more = f", and {len(outcome.errors) - 1} more" if len(outcome.errors) > 1 else ""
        graded.notes.append(f"cell {cell}: {printable(text)}{more}")
    if outcome.stopped:
        graded.notes.append(outcome.stopped)
    return graded, failed


def run(folder: Path, found: Sequence[Submission], aside: Sequence[str],
        chapters: Mapping[str, Chapter | None], known: Mapping[str, Chapter],
        box: sandbox.Sandbox, limits: process.Limits, jobs: int, table: report.Table | None) -> int:
    """Grade all, print and write what comes as it comes; the exit code."""
    several = Counter((one.student, chapter.name) for one in found
                      if one.notebook and (chapter := chapters[one.name]))
    ours, width = origin.head(), min(60, max(len(one.name) for one in found))
    done: dict[str, Graded] = {}
    failures, stop = 0, threading.Event()
    pool = ThreadPoolExecutor(jobs)
    waiting = [pool.submit(grade, one, chapters[one.name], notes_before(
        one, chapters[one.name], known, several, ours), box, limits, stop) for one in found]
    try:
        for future in as_completed(waiting):
            graded, failed = future.result()
            failures += failed
            done[graded.name] = graded
            print(report.line(graded, width), flush=True)
            if table:
                table.add(graded)
    except KeyboardInterrupt:
        stop.set()
        print("\nInterrupted; what is done is kept.", file=sys.stderr)
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
    everything = [done[one.name] for one in found if one.name in done]
    if table:
        table.finish(everything)
    print("\n".join(report.summary(everything, aside)))
    if failures:
        print(f"The grader itself failed {failures} times.", file=sys.stderr)
    return 130 if len(done) < len(found) else int(failures > 0)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        description="Run the notebooks that a class hands in and mark their exercises.",
        epilog="Exit code: 0 when everything was graded, whatever the marks are; 1 when the grader "
               "itself failed somewhere; 2 when it could not start; 130 when interrupted.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--chapter", help="all notebooks are of this one, as gp_limit/deep_kernels")
    parser.add_argument("--csv", type=Path, help="also write tables for spreadsheets")
    parser.add_argument("--jobs", type=int, default=max(2, (os.cpu_count() or 2) // 2),
                        help="notebooks side by side; half as many as cores, and two at least")
    parser.add_argument("--timeout", type=float, default=900,
                        help="seconds for a notebook")
    parser.add_argument("--cell", type=float, help="seconds for a cell, a third of the notebook's "
                        "if not given; then it is interrupted, and the next ones run")
    parser.add_argument("--memory", type=float, help="GB for a notebook; 6, or less if the jobs "
                        "together would take more than three quarters of the machine's")
    parser.add_argument("--trust", action="store_true", help="run without a sandbox")
    return parser.parse_args()


def main() -> int:
    """Grade the folder that the command line names."""
    options, known = arguments(), catalogue.load()
    given = (options.chapter or "").removeprefix("book/").removesuffix(".ipynb") or None
    if not options.folder.is_dir():
        return refuse(f"There is no folder {options.folder}.")
    if given and given not in known:
        return refuse(f"There is no chapter {given}; there are {', '.join(known)}.")
    if options.jobs >= 1 and options.memory is None:
        options.memory = min(6.0, 0.75 * psutil.virtual_memory().total / 2**30 / options.jobs)
    if options.jobs < 1 or not (options.timeout > 0 and options.memory > 0):
        return refuse("Jobs, seconds and memory must be positive.")
    found, aside = submissions.collect(options.folder)
    if not found:
        return refuse(f"There is no notebook in {options.folder}.")
    limits = process.Limits(options.timeout, int(options.memory * 2**30), cell=options.cell)
    box, obstacles = (sandbox.NONE, {}) if options.trust else sandbox.find(
        options.folder, limits.scratch)
    if box is None:
        listed = "\n".join(f"  {name}: {reason}" for name, reason in obstacles.items())
        return refuse(NO_SANDBOX.format(obstacles=listed))
    try:
        table = report.Table(options.csv) if options.csv else None
    except OSError as error:
        return refuse(f"Cannot write {options.csv}: {error.strerror}")
    print(f"Grading {len(found)} notebooks, {options.jobs} side by side, in {box.name} …",
          flush=True)
    chapters = assign(found, known, given)
    return run(options.folder, found, aside, chapters, known, box, limits, options.jobs, table)


def refuse(message: str) -> int:
    """Say why nothing was done."""
    print(message, file=sys.stderr)
    return 2
