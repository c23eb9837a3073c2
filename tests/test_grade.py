"""Notebooks that students hand in are run and marked, whatever is wrong with them."""

import csv
import subprocess
import sys

import nbformat
import pytest

from bookkit import grading as grade

SOLUTION = {"tags": ["solution"]}


def cell(id, answer, **metadata):
    return nbformat.v4.new_code_cell(f'exercises.check("{id}", {answer})', metadata=metadata)


def submission(*cells):
    start = nbformat.v4.new_code_cell("from infinite_width import exercises")
    stale = nbformat.v4.new_output(
        "display_data",
        {"text/plain": "✓ two-outputs: right.", "text/html": '<div class="exercise-check ok">'},
    )
    notebook = nbformat.v4.new_notebook(cells=[start, *cells])
    for one in notebook.cells:
        if one.cell_type == "code":
            one.outputs = [stale]
    return notebook


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("submissions")
    first = submission(
        cell("kurtosis-width", 150),
        cell("step-kurtosis", 7),
        cell("mean-field-power", "..."),
        nbformat.v4.new_code_cell('answer = 1 / 0\nexercises.check("relu-correlation", answer)'),
        nbformat.v4.new_code_cell('print("✓ two-outputs: right.")'),
        cell("two-outputs", "..."),
        cell("stable-exponent", 1.5, **SOLUTION),
        cell("deep-linear", 2),
    )
    endless = submission(cell("deep-linear", 2), nbformat.v4.new_code_cell("while True:\n    1"),
                         cell("kurtosis-width", 150))
    for name, notebook in ("anna", first), ("ben", endless):
        (folder / name).mkdir()
        nbformat.write(notebook, folder / name / "work.ipynb")
    table = folder / "table.csv"
    command = [sys.executable, "-m", "bookkit", "grading", folder, "--csv", table]
    command += ["--timeout", "20"]
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return run, list(csv.reader(table.read_text("utf-8").splitlines())), folder


def test_every_kind_of_answer_is_told_apart(graded):
    results = {row[1]: row[2] for row in graded[1] if row[0].startswith("anna")}
    assert results == {
        "kurtosis-width": "right", "step-kurtosis": "wrong", "mean-field-power": "open",
        "relu-correlation": "did not run", "two-outputs": "open", "deep-linear": "right",
    }


def test_a_cell_that_never_ends_ends_its_notebook_only(graded):
    run, rows, _ = graded
    assert [row[1:] for row in rows if row[0].startswith("ben")] == [
        ["deep-linear", "right"], ["kurtosis-width", "did not run"]]
    assert "ben" in run.stderr and "CellTimeoutError" in run.stderr


def test_the_table_counts(graded):
    lines = graded[0].stdout.splitlines()
    assert lines[0].split()[:4] == ["anna/work.ipynb", "2", "of", "6"]
    assert "✗ step-kurtosis" in lines[0] and "kurtosis-width" not in lines[0]
    assert lines[1].split()[1:4] == ["1", "of", "2"]
    assert lines[2].startswith("✓ right")


def test_nothing_is_written_to_the_submissions(graded):
    folder = graded[2]
    assert sorted(p.name for p in folder.rglob("*") if p.is_file()) == [
        "table.csv", "work.ipynb", "work.ipynb"]
    stored = nbformat.read(folder / "anna/work.ipynb", 4)
    assert stored.cells[2].outputs[0]["data"]["text/plain"].startswith("✓ two-outputs")


def test_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["grade", str(tmp_path)])
    with pytest.raises(SystemExit, match="no notebook"):
        grade.main()
