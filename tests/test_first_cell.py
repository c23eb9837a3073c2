"""The cell that installs the package has one source, and what it installs is what is needed."""

import importlib.metadata
import json
import shutil
import subprocess
import sys
import types

import nbformat
import pytest

from bookkit import chapters, colab_versions, first_cell, repository
from bookkit.chapters import ROOT
from bookkit.environments import name_of

PACKAGES = importlib.metadata.packages_distributions()
ADDRESS = "https://github.com/you/fork"
PROJECT = first_cell.PROJECT["project"]
each = pytest.mark.parametrize("path", chapters.paths(), ids=chapters.name_of)


def notebook(*lines):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("\n".join(lines))])


PLAIN = notebook("import jax", "from infinite_width import kernels")
ORACLE = notebook("from infinite_width.neural_tangents import nt")


@each
def test_a_chapter_has_the_one_cell(path):
    found = [c.source for c in chapters.code_cells(chapters.read(path))
             if first_cell.INSTALL.search(c.source)]
    expected = first_cell.cell(chapters.read(path), repository.configured())
    assert found == [expected], "run: python -m bookkit first_cell"
    assert len(expected.splitlines()) <= 25


@each
def test_what_a_chapter_imports_is_installed(path):
    """From what the package needs, and in Colab from what is there or in the cell's list."""
    source = first_cell.cell(chapters.read(path), ADDRESS)
    extra = first_cell.EXTRA if "neural_tangents" in source else []
    needed = first_cell.missing([*PROJECT["dependencies"], *extra], ())
    here = set(map(name_of, needed)) | {"infinite-width"}
    colab = {*colab_versions.PINS["packages"], "infinite-width"}
    for module in first_cell.modules(chapters.read(path)):
        top = module.partition(".")[0]
        if top not in sys.stdlib_module_names and top != "infinite_width":
            names = {name_of(name) for name in PACKAGES[top]}
            assert names & here, module
            assert names & colab or any(f'"{name}"' in source for name in names), module


def test_what_is_missing_includes_what_that_requires():
    assert first_cell.missing(["jaxtyping>=0.3"], ["jax"]) == ["jaxtyping", "wadler-lindig"]
    assert first_cell.missing(["jaxtyping>=0.3"], ["jaxtyping"]) == []
    # Requirements of extras and of other systems are none; TensorFlow is left out.
    assert first_cell.missing(["neural-tangents==0.6.5"], ["jax"]) == [
        "frozendict", "neural-tangents==0.6.5"]
    assert first_cell.missing(['tomli; python_version < "3"'], []) == []


def run(source, monkeypatch, colab=False, there=()):
    """The commands that a first cell runs, where some modules are there."""
    commands = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command[1:]))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name in there or None)
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    exec(source, {})
    assert all(command[:4] == ["-m", "pip", "install", "--quiet"] for command in commands)
    return [command[4:] for command in commands]


def test_outside_colab_it_installs_what_is_missing(monkeypatch):
    source = first_cell.at(first_cell.cell(PLAIN, ADDRESS), "abc123")
    assert run(source, monkeypatch) == [[f"git+{ADDRESS}@abc123"]]
    assert run(source, monkeypatch, there=["infinite_width"]) == []


def test_in_colab_it_changes_nothing_that_is_there(monkeypatch):
    source = first_cell.cell(PLAIN, ADDRESS)
    (command,) = run(source, monkeypatch, colab=True)
    assert command[:2] == [f"git+{ADDRESS}@main", "--no-deps"]
    assert set(command[2:]) == set(first_cell.missing(
        PROJECT["dependencies"], colab_versions.PINS["packages"]))
    assert not {name_of(text) for text in command[2:]} & set(colab_versions.PINS["packages"])


@pytest.mark.parametrize("colab", [False, True])
def test_neural_tangents_comes_without_tensorflow_and_only_where_it_is_used(monkeypatch, colab):
    source = first_cell.cell(ORACLE, ADDRESS)
    assert "neural" not in first_cell.cell(PLAIN, ADDRESS)
    package, oracle = run(source, monkeypatch, colab)
    assert oracle == ["--no-deps", "frozendict", "neural-tangents==0.6.5"]
    assert run(source, monkeypatch, colab, there=["infinite_width"]) == [oracle]


def test_writing_the_cell_changes_nothing_else(tmp_path):
    path = tmp_path / "chapter.ipynb"
    shutil.copy(chapters.paths()[0], path)
    before = json.loads(path.read_text("utf-8"))
    assert first_cell.write(path, ADDRESS)
    assert not first_cell.write(path, ADDRESS)
    after = json.loads(path.read_text("utf-8"))
    changed = [i for i, pair in enumerate(zip(before["cells"], after["cells"]))
               if pair[0] != pair[1]]
    assert len(changed) == 1 and len(before["cells"]) == len(after["cells"])
    lines = path.read_text("utf-8").splitlines()
    old = chapters.paths()[0].read_text("utf-8").splitlines()
    assert len(set(lines) ^ set(old)) <= 25  # the form of the file stays
    path.write_text(nbformat.writes(PLAIN), "utf-8")
    with pytest.raises(ValueError, match="one cell"):
        first_cell.write(path, ADDRESS)


# ---- Colab's versions ----

FREEZE = """# generated
jax==0.7.2
jaxlib @ https://example.org/jaxlib-0.7.1+cuda12-cp313-cp313-manylinux_2_27_x86_64.whl#sha256=00
scikit_learn==1.6.1
en-core-web-sm @ https://example.org/en_core_web_sm-3.8.0-py3-none-any.whl
"""
PINS = {"python": "3.13", "packages": {"jax": "0.7.2", "scikit-learn": "1.6.1"}}


def test_the_list_that_colab_publishes_is_read():
    assert colab_versions.published(FREEZE) == {
        "jax": "0.7.2", "jaxlib": "0.7.1", "scikit-learn": "1.6.1", "en-core-web-sm": "3.8.0"}
    assert colab_versions.differences(PINS, FREEZE, "Ubuntu 24.04\nPython 3.13.5\n") == []


@pytest.mark.parametrize("old, new, complaint", [
    ("jax==0.7.2", "jax==0.8.0", "jax: Colab has 0.8.0, colab.toml says 0.7.2"),
    ("jax==0.7.2\n", "", "jax: Colab has it no longer"),
    ("Python 3.13.5", "Python 3.14.1", "Python: Colab has 3.14, colab.toml says 3.13"),
    ("Python 3.13.5", "", "Python: Colab has none"),
])
def test_what_colab_changed_is_found(old, new, complaint):
    text = f"{FREEZE}Python 3.13.5\n"
    found = colab_versions.differences(PINS, text.replace(old, new), text.replace(old, new))
    assert len(found) == 1 and found[0].startswith(complaint)


def test_the_pins_carry_a_date_and_a_source():
    pins = colab_versions.PINS
    assert pins["date"].isoformat() >= "2026-11-27"
    assert pins["source"].startswith("https://") and pins["source"].endswith("pip-freeze.txt")
    weekly = (ROOT / ".github/workflows/weekly.yml").read_text("utf-8")
    assert "bookkit colab_versions" in weekly
