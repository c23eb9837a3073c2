"""Notebooks are compared and merged as text, through git itself."""

import subprocess
import sys

import nbformat
import pytest

from bookkit import notebook_text
from bookkit.chapters import ROOT

new = nbformat.v4
START = {"title": "# Title", "set-up": "a = 1\nb = 2\nc = 3\nd = 4\ne = 5", "end": "The end."}


def notebook(cells, output=""):
    made = new.new_notebook(cells=[])
    for id, source in cells.items():
        cell = new.new_code_cell(source) if "=" in source else new.new_markdown_cell(source)
        if output and cell.cell_type == "code":
            cell.outputs = [new.new_output("stream", name="stdout", text=output),
                            new.new_output("display_data", {"image/png": output * 99})]
        cell["id"] = id
        made.cells.append(cell)
    return made


@pytest.fixture
def git(tmp_path):
    """A repository with the drivers, and one notebook in its first commit."""
    def run(*command, check=True):
        return subprocess.run(["git", "-C", str(tmp_path), *command], check=check,
                              capture_output=True, text=True).stdout

    run("init", "--quiet", "--initial-branch=main")
    for key, value in notebook_text.CONFIGURATION.items():
        run("config", key, value.replace(".venv/bin/python", sys.executable))
    for key in ("user.name", "user.email"):
        run("config", key, "somebody")
    (tmp_path / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())

    def commit(cells, output=""):
        nbformat.write(notebook(cells, output), tmp_path / "a.ipynb")
        run("add", "--all")
        run("commit", "--quiet", "--message", "A notebook")

    run.commit, run.path = commit, tmp_path / "a.ipynb"
    commit(START, "first\n")
    return run


def test_a_difference_is_one_of_text(git):
    git.commit(START | {"set-up": "a = 1\nb = 9"}, "second\n")
    shown = git("diff", "HEAD~1")
    assert "+b = 9" in shown and "-#> first" in shown and "+#> second" in shown
    assert "secondsecond" not in shown and "output_type" not in shown


def branches(git, ours, theirs):
    git("checkout", "--quiet", "-b", "theirs")
    git.commit(theirs, "theirs\n")
    git("checkout", "--quiet", "main")
    git.commit(ours, "ours\n")
    git("merge", "--quiet", "theirs", "--message", "Merge", check=False)
    cells = {cell["id"]: cell for cell in nbformat.read(git.path, 4).cells}
    return cells, git("diff", "--name-only", "--diff-filter=U")


def test_changes_of_different_cells_merge_though_all_outputs_differ(git):
    theirs = {"title": "# Title", "more": "More.", "set-up": START["set-up"], "end": "The end!"}
    cells, conflicts = branches(git, START | {"title": "# A title"}, theirs)
    assert conflicts == ""
    assert {id: cell.source for id, cell in cells.items()} == theirs | {"title": "# A title"}
    assert list(cells) == list(theirs) and cells["set-up"].outputs[0].text == "ours\n"


def test_changes_of_distant_lines_in_one_cell_merge(git):
    ours = START | {"set-up": START["set-up"].replace("a = 1", "a = 7")}
    theirs = START | {"set-up": START["set-up"].replace("e = 5", "e = 8")}
    cells, conflicts = branches(git, ours, theirs)
    assert conflicts == "" and cells["set-up"].source == "a = 7\nb = 2\nc = 3\nd = 4\ne = 8"


def test_a_conflict_stays_inside_its_cell(git):
    cells, conflicts = branches(git, START | {"end": "One end."}, START | {"end": "Another end."})
    assert conflicts == "a.ipynb\n" and cells["title"].source == "# Title"
    for part in ("<<<<<<<", "One end.", "The end.", "Another end.", ">>>>>>>"):
        assert part in cells["end"].source


def test_a_cell_deleted_here_and_changed_there_is_a_conflict(git):
    ours = {id: source for id, source in START.items() if id != "end"}
    cells, conflicts = branches(git, ours, START | {"end": "Another end."})
    assert conflicts == "a.ipynb\n" and cells["end"].source == "Another end."


def test_cells_added_at_one_place_all_stay(git):
    cells, conflicts = branches(git, START | {"x": "x = 1"}, START | {"y": "y = 1"})
    assert conflicts == "" and list(cells) == [*START, "x", "y"]
