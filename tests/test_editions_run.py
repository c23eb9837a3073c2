"""The editions run: one student edition on every change, all editions every week.

The student edition is run up to its end, past every stub, in the book's environment; the Colab
edition, whose code is the instructor edition's, with the versions that Colab has.
"""

import ast
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from bookkit import cards, chapters, colab, environments, runner
from bookkit.editions import rules
from bookkit.environments import Failure, installed_versions
from bookkit.rules import EXERCISE, claims_checked

NAMES = chapters.names()

# One student edition runs on every change, as the chapters do; the others every week.
RUN = [NAMES[0], *(pytest.param(name, marks=pytest.mark.weekly) for name in NAMES[1:])]


@pytest.fixture(scope="module")
def folder(site):
    return site / "editions"


def errors(notebook):
    """The cells that raised, or wrote to stderr."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"
            for output in cell.outputs
            if output.output_type == "error" or output.get("name") == "stderr"]


def stubs(name):
    """The exercises of a chapter that have a check."""
    source = chapters.read(chapters.path_of(name))
    return {id for code in rules.code(source) for id in EXERCISE.findall(code)}


def run(path, folder):
    """Run a notebook in the book's environment, in an empty folder, past errors."""
    copy = folder / path.name
    copy.write_bytes(path.read_bytes())
    notebook = chapters.read(copy)
    runner.run(notebook, folder, allow_errors=True)
    return notebook


@pytest.mark.parametrize("name", RUN)
def test_the_student_edition_runs_and_every_check_rejects_its_stub(folder, name, tmp_path):
    notebook = run(folder / "student" / f"{name}.ipynb", tmp_path)
    assert errors(notebook) == []
    assert cards.exercises(notebook, "exercise") == dict.fromkeys(stubs(name), "open")
    source = chapters.read(chapters.path_of(name))
    assert colab.claims(notebook) == dict.fromkeys(claims_checked(source), True)


@pytest.mark.weekly  # its code is the chapter's, which runs on every change
@pytest.mark.parametrize("name", NAMES)
def test_the_instructor_edition_runs_and_every_check_accepts_its_solution(folder, name, tmp_path):
    notebook = run(folder / "instructor" / f"{name}.ipynb", tmp_path)
    assert errors(notebook) == []
    assert cards.exercises(notebook, "exercise") == dict.fromkeys(stubs(name), "open")
    assert cards.exercises(notebook, "solution") == dict.fromkeys(stubs(name), "ok")


@pytest.mark.parametrize("name", NAMES)
def test_colab_and_instructor_editions_have_the_same_code(folder, name):
    sources = {kind: rules.code(chapters.read(folder / kind / f"{name}.ipynb"))
               for kind in ("colab", "instructor")}
    source = chapters.read(chapters.path_of(name))
    assert sources["colab"][1:] == rules.code(source, ["instructor"])[1:]
    assert sources["instructor"][1:] == rules.code(source)[1:]
    assert sources["colab"][0] == sources["instructor"][0]


# ---- With Colab's versions ----


@pytest.fixture(scope="module")
def python():
    if colab.python() is None:
        pytest.skip(f"Colab's versions need Python {' or '.join(colab.PYTHONS)}")
    return colab.environment()


@pytest.fixture(scope="module")
def address():
    with tempfile.TemporaryDirectory() as checkout:
        yield colab.repository(Path(checkout))


@pytest.mark.weekly
@pytest.mark.parametrize("name", NAMES)
def test_the_colab_edition_runs_with_the_versions_of_colab(folder, python, address, name):
    path = folder / "colab" / f"{name}.ipynb"
    held, _, faults = colab.check(path, python, address)
    assert faults == []
    source = chapters.read(chapters.path_of(name))
    assert held == set(claims_checked(source))


@pytest.mark.weekly
def test_what_goes_wrong_with_the_versions_of_colab_is_found(python, address, tmp_path):
    install = 'REPOSITORY = "https://a.example"\nCOMMIT = "main"\n'
    spoil = ("import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', "
             "'--quiet', '--no-deps', 'tqdm==4.67.0'], check=True)\n")
    new = nbformat.v4
    claim = {"id": "some-claim", "value": 1.0, "error": None, "holds": True, "outcome": "holds"}
    card = new.new_output("display_data", {"text/plain": "a card", cards.CLAIM: claim})
    cells = [new.new_code_cell(install + spoil, outputs=[card]), new.new_code_cell("1 / 0")]
    path = tmp_path / "bad.ipynb"
    nbformat.write(new.new_notebook(cells=cells), path)
    _, _, faults = colab.check(path, python, address)
    expected = ["ZeroDivisionError", "some-claim", "changed versions: {'tqdm'", "did not install"]
    assert len(faults) == len(expected)
    for fault, text in zip(faults, expected):
        assert text in fault
    with pytest.raises(Failure, match="first cell"):
        colab.execute(new.new_notebook(cells=[new.new_code_cell("1")]), python, address)
    colab.restore(python)
    assert "infinite-width" not in installed_versions(python)


# ---- Elsewhere ----


@pytest.mark.weekly
def test_a_plain_jupyter_gets_what_the_chapters_import(folder, address, tmp_path):
    """Python and Jupyter's kernel are all that is there; TensorFlow is not needed either."""
    environments.run(sys.executable, "-m", "venv", tmp_path / "plain")
    python = tmp_path / "plain/bin/python"
    environments.run(python, "-m", "pip", "install", "--quiet", "ipykernel")
    editions = [chapters.read(folder / f"student/{name}.ipynb") for name in NAMES]
    imports = {ast.unparse(node) for edition in editions
               for cell in chapters.code_cells(edition)[1:] for node in ast.parse(cell.source).body
               if isinstance(node, ast.Import | ast.ImportFrom)}
    notebook = chapters.read(folder / "student/ntk/trained_ensembles.ipynb")
    assert "neural_tangents" in notebook.cells[0].source
    notebook.cells[1:] = [nbformat.v4.new_code_cell(source) for source in sorted(imports)]
    colab.execute(notebook, python, address)
    assert not {"tensorflow", "tf2jax"} & set(installed_versions(python))
