"""Chapters are executed in place; failures and interruptions store nothing that is half done."""

import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest

from bookkit import chapters, execute, run_times
from bookkit.cards import CLAIM

new = nbformat.v4
HEADER = "**Time** 35 minutes to read; the notebook runs in about 40 s on two cores."
CARD = f"""from IPython.display import display
display({{{CLAIM!r}: {{"id": "c", "value": 1.0, "error": None, "holds": False, "outcome":
"outside"}}, "text/plain": "card"}}, raw=True)
raise AssertionError("c does not hold")"""


def chapter(*sources, ids=()):
    cells = [new.new_markdown_cell(HEADER), *map(new.new_code_cell, sources)]
    for cell, id in zip(cells, ids):
        cell["id"] = id
    return new.new_notebook(cells=cells)


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A book of its own, in which nothing runs long."""
    folder = tmp_path / "book"
    (folder / "part").mkdir(parents=True)
    monkeypatch.setattr(chapters, "BOOK", folder)
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    monkeypatch.setattr(execute, "COPIES", tmp_path / "_build" / "executed")
    monkeypatch.setattr(run_times, "FILE", folder / "run_times.toml")
    monkeypatch.setattr(run_times, "yardstick", lambda: 0.5)
    return folder


def put(book, name, notebook):
    path = book / "part" / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


def command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["execute", *arguments])
    return execute.main()


def test_a_chapter_is_stored_in_place(book, monkeypatch, capsys):
    path = put(book, "a", chapter("x = 1", "print(x)", ids=["one", "note-a", "cell-009"]))
    assert command(monkeypatch, "part/a") == 0
    stored = nbformat.read(path, 4)
    assert [cell["id"] for cell in stored.cells] == ["one", "note-a", "cell-009"]
    assert stored.cells[2].outputs[0].text == "1\n" and stored.cells[0].source == HEADER
    assert stored.metadata == chapters.METADATA
    assert not run_times.FILE.exists()
    assert "part/a: executed in" in capsys.readouterr().out


def test_a_second_execution_changes_nothing(book, monkeypatch):
    path = put(book, "a", chapter("print(1)"))
    command(monkeypatch, "part/a")
    before = path.read_bytes()
    command(monkeypatch, "part/a")
    assert path.read_bytes() == before


def test_ids_stay_beside_a_new_cell(book, monkeypatch):
    path = put(book, "a", chapter("1", "2", ids=["a", "b", "c"]))
    notebook = nbformat.read(path, 4)
    notebook.cells.insert(1, new.new_code_cell("3"))
    nbformat.write(notebook, path)
    command(monkeypatch, "part/a")
    ids = [cell["id"] for cell in nbformat.read(path, 4).cells]
    assert [ids[0], *ids[2:]] == ["a", "b", "c"] and len(set(ids)) == 4


def test_the_first_failure_ends_it_and_stores_nothing(book, monkeypatch, capsys):
    path = put(book, "a", chapter("print(1)", "1 / 0", "print(2)"))
    other = put(book, "b", chapter("print(3)"))
    before = path.read_bytes(), other.read_bytes()
    assert command(monkeypatch) == 1
    assert (path.read_bytes(), other.read_bytes()) == before
    said = capsys.readouterr().out
    assert "cell 3 (1 / 0): ZeroDivisionError: division by zero" in said
    assert "Nothing is stored. KEEP_GOING=1" in said and len(said.splitlines()) <= 4


def test_keep_going_runs_to_the_end_and_stores_a_copy(book, monkeypatch, capsys):
    path = put(book, "a", chapter("print(1)", CARD, "1 / 0", "print(2)"))
    other = put(book, "b", chapter("print(3)"))
    before = path.read_bytes()
    assert command(monkeypatch, "--keep-going") == 1
    assert path.read_bytes() == before
    copy = nbformat.read(execute.COPIES / "part" / "a.ipynb", 4)
    assert copy.cells[4].outputs[0].text == "2\n"
    assert nbformat.read(other, 4).cells[1].outputs[0].text == "3\n"
    said = capsys.readouterr().out
    assert "0 of 1 claims hold; not c" in said and "AssertionError: c does not hold" in said
    assert "ZeroDivisionError" in said and "_build/executed/part/a.ipynb" in said


def test_what_is_written_to_stderr_is_a_failure(book, monkeypatch, capsys):
    put(book, "a", chapter("import sys\nprint('careful', file=sys.stderr)"))
    assert command(monkeypatch, "part/a") == 1
    assert "cell 2 (import sys): wrote to stderr: careful" in capsys.readouterr().out


def test_a_kernel_that_dies_is_a_failure(book, monkeypatch, capsys):
    put(book, "a", chapter("import os\nos._exit(1)"))
    assert command(monkeypatch, "part/a") == 1
    assert "Kernel died" in capsys.readouterr().out


def test_run_times_are_written_when_asked(book, monkeypatch):
    path = put(book, "a", chapter("print(1)"))
    monkeypatch.setattr(run_times, "use_two_cores", lambda: None)
    assert command(monkeypatch, "--times", "part/a") == 0
    notebook, times = nbformat.read(path, 4), run_times.load()
    assert times["part/a"].yardstick == 0.5
    assert run_times.problems("part/a", notebook, times) == []
    assert run_times.headers(notebook) == [times["part/a"].header]


def test_a_range_is_that_of_a_fast_and_of_a_slow_machine():
    found = run_times.RunTime(seconds=80.0, yardstick=2 * run_times.FAST)  # a machine half as fast
    low, high = found.range
    assert low == 40 and 40 * run_times.SLOW / run_times.FAST <= high
    assert found.header == f"about 40–{high} s on two cores"


@pytest.mark.parametrize("header, times, complaint", [
    (HEADER, {}, "was never measured"),
    (HEADER, {"a": run_times.RunTime(40.0, 0.6)}, "['about 40 s on two cores']"),
    ("Text.", {"a": run_times.RunTime(40.0, 0.6)}, "gives the run times []"),
])
def test_the_rule_of_run_times_can_fail(header, times, complaint):
    notebook = new.new_notebook(cells=[new.new_markdown_cell(header)])
    [problem] = run_times.problems("a", notebook, times)
    assert complaint in problem


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing on Windows")
def test_an_interruption_ends_in_a_line_and_keeps_what_is_done(tmp_path):
    folder = tmp_path / "book"
    folder.mkdir()
    for name, source in (("a", "print(1)"), ("b", "import time\nprint('begun')\ntime.sleep(600)")):
        nbformat.write(chapter(source), folder / f"{name}.ipynb")
    before = (folder / "b.ipynb").read_bytes()
    # A background job without job control hands down that interruptions are ignored.
    code = ("import pathlib, signal, sys\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "from bookkit import chapters, execute, run_times\n"
            "run_times.yardstick = lambda: 0.5\n"
            "chapters.BOOK = pathlib.Path(sys.argv.pop())\nsys.exit(execute.main())")
    lines = []
    with subprocess.Popen([sys.executable, "-c", code, folder], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("b: executing"):
                time.sleep(3)  # in the kernel's start or in the cell, both have to end well
                process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    assert len(lines) == 4 and 'make execute CHAPTER="b"' in lines[-1]
    assert nbformat.read(folder / "a.ipynb", 4).cells[1].outputs[0].text == "1\n"
    assert (folder / "b.ipynb").read_bytes() == before
