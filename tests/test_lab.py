"""JupyterLab opens a chapter with the right kernel, and saving it changes no metadata."""

import copy
import sys

import pytest
from jupyter_client.kernelspec import NoSuchKernel

from bookkit import chapters, lab
from bookkit.chapters import METADATA


def test_the_only_kernel_is_that_of_this_python(tmp_path, monkeypatch):
    foreign = tmp_path / "kernels" / "python3"
    foreign.mkdir(parents=True)
    (foreign / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "Foreign"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    specs = lab.OneKernel().get_all_specs()
    assert list(specs) == ["python3"]
    spec = specs["python3"]["spec"]
    assert spec["argv"][0] == sys.executable
    assert spec["display_name"] == METADATA["kernelspec"]["display_name"]
    with pytest.raises(NoSuchKernel):
        lab.OneKernel().get_kernel_spec("julia")


def test_saving_leaves_no_trace_of_the_machine():
    content = {"cells": [], "nbformat": 4, "nbformat_minor": 5,
               "metadata": {"kernelspec": {"name": "python3", "display_name": "Mine", "path": "/x"},
                            "language_info": {"name": "python", "version": "3.14.0"}}}
    model = {"type": "notebook", "content": copy.deepcopy(content)}
    lab.keep_metadata(model=model, path="a.ipynb", contents_manager=None)
    assert model["content"] == content | {"metadata": METADATA}
    other = {"type": "file", "content": "text"}
    lab.keep_metadata(model=other)
    assert other == {"type": "file", "content": "text"}


def test_the_copy_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "EDITIONS", tmp_path / "editions")
    monkeypatch.setattr(lab, "COPIES", tmp_path / "lab")
    edition = tmp_path / "editions" / f"{lab.FIRST}.ipynb"
    with pytest.raises(ValueError, match="made by make editions; got none"):
        lab.notebook(lab.FIRST)
    edition.parent.mkdir(parents=True)
    edition.write_text("first")
    path = lab.notebook(lab.FIRST)
    assert path.read_text() == "first" and path.parent.parent == tmp_path / "lab"
    path.write_text("mine")
    edition.write_text("second")
    assert lab.notebook(lab.FIRST).read_text() == "mine"
    assert lab.notebook(lab.FIRST, source=True) == chapters.path_of(lab.FIRST)
    with pytest.raises(ValueError, match="got 'absent'"):
        lab.notebook("absent")
