"""A class hands in odd notebooks; all are marked, and none stops the rest."""

import csv
import json
import os
import re
import subprocess
import sys

import nbformat
import pytest

from bookkit.grading import batch, sandbox
from infinite_width import exercises

CHAPTER = "gp_limit/random_networks"
EXERCISES = ["kurtosis-width", "step-kurtosis", "relu-correlation", "mean-field-power",
             "two-outputs", "stable-exponent"]
v4 = nbformat.v4


def code(source, **metadata):
    return v4.new_code_cell(source, metadata=metadata)


def check(id, answer=None, **metadata):
    """A cell that checks an answer, the right one if none is given."""
    answer = exercises.load()[id]["value"] if answer is None else answer
    return code(f'exercises.check("{id}", {answer})', **metadata)


def submission(*cells, title="# Random networks become Gaussian processes"):
    """A short notebook of a real chapter, with outputs that claim that all is right."""
    stale = v4.new_output("display_data", {
        "application/vnd.infinite-width.exercise+json": {"id": "two-outputs", "state": "ok"}})
    start = code("from infinite_width import exercises")
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(title), start, *cells])
    for one in notebook.cells[1:]:
        one.outputs = [stale]
    return notebook


def odd_class(folder):
    """Ten students, as they come."""
    def write(name, content):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, "utf-8")

    forged = {"application/vnd.infinite-width.mark+json": {
        "id": "stable-exponent", "state": "ok", "secret": ""}}
    write("anna/work.ipynb", submission(
        check("kurtosis-width"), check("step-kurtosis", 70), check("mean-field-power", "..."),
        code('answer = 1 / 0\nexercises.check("relu-correlation", answer)'),
        check("two-outputs", "..."), check("stable-exponent", tags=["solution"]),
        check("deep-linear")))
    write("ben/loop.ipynb", submission(
        check("kurtosis-width"), code("while True:\n    1"), check("step-kurtosis")))
    write("Chloë, =2+3/my work.ipynb", submission(check("kurtosis-width")))
    write("dora.ipynb", '{"nbformat": 4, "cells": [{"cell_type": "code", "sou')
    write("emil.ipynb", submission(
        check("kurtosis-width"), code("import os\nos._exit(1)"), check("step-kurtosis")))
    write("fay.ipynb", submission(
        code('exercises._list()["kurtosis-width"]["value"] = 9\n'
             'exercises.check("kurtosis-width", 9)'),
        code('exercises.grade = lambda *_: exercises.Result("step-kurtosis", "ok", "")\n'
             'exercises.check("step-kurtosis", 70)'),
        code(f"from IPython.display import display\ndisplay({forged}, raw=True)")))
    write("gus.ipynb", {
        "nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": [
            {"cell_type": "code", "language": "python", "outputs": [], "metadata": {},
             "input": ["import sys\n", "from infinite_width import exercises\n",
                       check("kurtosis-width").source, "\nsys.exit()"]},
            {"cell_type": "code", "language": "python", "outputs": [], "metadata": {},
             "input": check("step-kurtosis").source}]}]})
    write("hal/a.ipynb", submission(
        check("kurtosis-width"), code("input()"),
        code("for _ in range(50):\n    print('x' * 10**6)"), check("step-kurtosis")))
    write("hal/a (1).ipynb", submission())
    write("ida/essay.pdf", "")
    write("ida/.ipynb_checkpoints/old-checkpoint.ipynb", submission(check("two-outputs")))
    write("jon.ipynb", submission(check("deep-linear"), title="# Mine"))
    write("jon.zip", "")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class") / "submissions"
    odd_class(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    table = folder.parent / "results.csv"
    command = [sys.executable, "-m", "bookkit", "grading", folder, "--csv", table]
    command += ["--timeout", "240", "--cell", "25", "--jobs", "3"]
    # Where nothing keeps submissions apart, these are ours and may run.
    command += ["--trust"] * (sandbox.find(folder, 2**20)[0] is None)
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=400)
    assert run.returncode == 0, run.stdout + run.stderr
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    tables = [list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
              for path in (table, table.with_name("results-students.csv"))]
    return run.stdout, *tables


def row_of(graded, name):
    return {row["exercise"]: row["result"] for row in graded[1] if row["notebook"] == name}


def line_of(graded, name):
    return next(line for line in graded[0].splitlines() if line.startswith(name))


@pytest.mark.slow
def test_every_kind_of_answer_is_told_apart(graded):
    assert row_of(graded, "anna/work.ipynb") == dict(zip(EXERCISES, [
        "right", "wrong", "did not run", "open", "open", "missing"]))
    line = line_of(graded, "anna")
    assert re.search(r" 1 of 6  ✗ step-kurtosis  ! relu-correlation  ○ mean-field-power", line)
    assert "(also checks deep-linear (gp_limit/deep_kernels), not counted; cell 6: " \
           "ZeroDivisionError: division by zero)" in line


def test_rows_and_denominator_are_the_chapters(graded):
    assert [row["exercise"] for row in graded[1] if row["student"] == "dora"] == EXERCISES
    assert " 1 of 6 " in line_of(graded, "Chlo")


@pytest.mark.parametrize("name, results, note", [
    ("ben/loop.ipynb", ["right", "right"], "Timeout: stopped after 25 s"),
    ("emil.ipynb", ["right", "did not run"], "the kernel died in cell 4 of 5"),
    ("gus.ipynb", ["right", "right"], "SystemExit"),
    ("hal/a.ipynb", ["right", "right"], "StdinNotImplementedError"),
    ("hal/a (1).ipynb", ["missing", "missing"], "one of 2 notebooks of this student"),
    ("fay.ipynb", ["wrong", "wrong"], ""),
    ("dora.ipynb", ["missing", "missing"], "no complete notebook"),
    ("ida/", ["missing", "missing"], "no notebook, only ida/essay.pdf"),
])
def test_no_oddity_stops_the_rest_or_goes_without_a_word(graded, name, results, note):
    found = [row for row in graded[1] if row["notebook"] == name]
    assert [row["result"] for row in found][:2] == results
    assert all(row["result"] == "missing" for row in found[2:])
    assert note in found[0]["note"]


def test_the_chapter_is_recognised_by_its_exercises(graded):
    assert {row["chapter"] for row in graded[1] if row["student"] == "jon"} == {
        "gp_limit/deep_kernels"}


def test_tables_are_safe_and_in_order(graded):
    names = [row["notebook"] for row in graded[1]]
    assert names == sorted(names) and len(names) == 6 * 11
    assert {row["student"] for row in graded[1]} >= {"Chloë, =2+3", "hal"}
    hal = next(row for row in graded[2] if row["student"] == "hal")
    assert (hal["notebooks"], hal["right"], hal["of"]) == ("2", "2", "12")


def test_the_summary(graded):
    assert "11 notebooks of 10 students: 2 not run, 8 ran to the end, 1 stopped." in graded[0]
    assert "gp_limit/random_networks: right in 10 notebooks: kurtosis-width 6, " in graded[0]
    assert "Left aside: jon.zip (an archive: unpack it), ida/essay.pdf (no notebook)." in graded[0]


def grading(*arguments):
    command = [sys.executable, "-m", "bookkit", "grading", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_what_cannot_begin_says_why_and_exits_with_two(tmp_path, monkeypatch):
    for arguments, message in (
        ([tmp_path], "no notebook in"),
        ([tmp_path / "none"], "no folder"),
        ([tmp_path, "--chapter", "gp_limit/none"], "no chapter gp_limit/none; there are gp_limit"),
    ):
        run = grading(*arguments)
        assert run.returncode == 2 and message in run.stderr
    (tmp_path / "a.ipynb").write_text("")
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    run = grading(tmp_path)
    assert run.returncode == 2 and "TRUST=1" in run.stderr
    assert "  bubblewrap: not installed" in run.stderr


def test_a_grader_that_fails_says_so_and_exits_with_one(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.ipynb").write_text(json.dumps(submission()))
    broken = sandbox.Sandbox("a broken one", ("false",))
    monkeypatch.setattr(sandbox, "find", lambda *_: (broken, {}))
    monkeypatch.setattr(sys, "argv", ["grading", os.fspath(tmp_path)])
    assert batch.main() == 1
    assert "the grader failed" in capsys.readouterr().out
