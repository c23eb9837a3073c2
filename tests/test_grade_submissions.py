"""What a folder of submissions may hold, and the tables that come of it."""

import json
import os

import nbformat
import pytest

from bookkit.grading import batch, catalogue, report, submissions
from bookkit.grading.report import Graded

GOOD = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])


def collect(folder):
    found, aside = submissions.collect(folder)
    return {one.name: one for one in found}, aside


@pytest.mark.parametrize("content, problem", [
    ("", "an empty file"),
    (" \n", "an empty file"),
    ('{"nbformat": 4, "cells": [', "no complete notebook"),
    ("[]", "JSON, but not a notebook"),
    ("null", "JSON, but not a notebook"),
    ('{"nbformat": 5, "metadata": {}, "cells": []}', "Unsupported nbformat version 5"),
    ('{"nbformat": 4, "metadata": {}, "cells": {"a": 1}}', "malformed"),
    ('{"nbformat": 4, "metadata": {}, "cells": [3]}', "malformed"),
    ('{"nbformat": "x", "metadata": {}, "cells": []}', "malformed"),
    ("[" * 100_000, "no complete notebook"),
    (b"\xff\xfe\x00bad", "no complete notebook"),
    (json.dumps(GOOD | {"metadata": {"kernelspec": {"name": "ir", "language": "R"}}}),
     "a notebook in R"),
    (json.dumps(GOOD | {"metadata": {"language_info": {"name": "julia"}}}), "a notebook in julia"),
])
def test_what_is_no_notebook_says_why(tmp_path, content, problem):
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "a.ipynb").write_bytes(data)
    assert problem in collect(tmp_path)[0]["a.ipynb"].problem


@pytest.mark.parametrize("metadata", [
    {},
    {"colab": {"provenance": []}, "accelerator": "GPU", "kernelspec": {"name": "python3"}},
    {"kernelspec": {"name": "conda-env-x", "language": "python", "display_name": "x"}},
    {"language_info": {"name": "ipython"}, "widgets": {"state": {}}},
])
def test_the_metadata_of_other_programs_do_no_harm(tmp_path, metadata):
    (tmp_path / "a.ipynb").write_text(json.dumps(GOOD | {"metadata": metadata}))
    one = collect(tmp_path)[0]["a.ipynb"]
    assert not one.problem and [cell.source for cell in one.notebook.cells] == ["1"]


def test_newer_minor_versions_and_missing_fields_are_read(tmp_path):
    bare = {"nbformat": 4, "nbformat_minor": 99, "cells": [
        {"cell_type": "code", "source": ["a\n", "b"], "metadata": {}},
        {"cell_type": "raw", "source": "raw", "metadata": {"tags": None}}]}
    (tmp_path / "a.ipynb").write_text(json.dumps(bare))
    cells = collect(tmp_path)[0]["a.ipynb"].notebook.cells
    assert [(cell.cell_type, cell.source) for cell in cells] == [
        ("code", "a\nb"), ("markdown", "raw")]


def test_folders_links_and_pipes(tmp_path):
    text = json.dumps(GOOD)
    room, outside = tmp_path / "class", tmp_path / "outside"
    (room / "anna.ipynb").mkdir(parents=True)
    (room / "anna.ipynb" / "work.ipynb").write_text(text)
    outside.mkdir()
    (outside / "b.ipynb").write_text(text)
    (room / "link.ipynb").symlink_to(outside / "b.ipynb")
    (room / "folder").symlink_to(outside)
    (room / "gone.ipynb").symlink_to("nowhere")
    os.mkfifo(room / "pipe.ipynb")
    (room / "empty").mkdir()
    (room / "cid").mkdir()
    (room / "cid" / "work.zip").write_text("")
    for hidden in (".ipynb_checkpoints", "__MACOSX", "bea/.ipynb_checkpoints"):
        (room / hidden).mkdir(parents=True)
        (room / hidden / "x.ipynb").write_text(text)
    (room / "bea" / "._work.ipynb").write_text("")
    (room / "bea" / "work.ipynb").write_text(text)
    found, aside = collect(room)
    assert {name: one.problem for name, one in found.items()} == {
        "anna.ipynb/work.ipynb": "", "bea/work.ipynb": "", "pipe.ipynb": "not a file",
        "cid/": "no notebook, an archive: unpack it", "empty/": "no notebook, an empty folder",
        "folder": "a link, which is not followed", "gone.ipynb": "a link, which is not followed",
        "link.ipynb": "a link, which is not followed"}
    assert aside == ["cid/work.zip (an archive: unpack it)"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(tmp_path):
    (tmp_path / "a.ipynb").touch(0o000)
    (tmp_path / "closed").mkdir(0o000)
    found, _ = collect(tmp_path)
    assert all("not readable" in found[name].problem for name in ("a.ipynb", "closed"))


def test_students_and_their_names(tmp_path):
    odd = os.fsdecode(b"d\xff.ipynb")
    for name in ("anna.ipynb", "anna (1).ipynb", "bo - Copy.ipynb", "(1).ipynb",
                 "a\u0301 b\n.ipynb", odd):
        (tmp_path / name).write_text(json.dumps(GOOD))
    found, _ = collect(tmp_path)
    students = {name: one.student for name, one in found.items()}
    assert students == {
        "anna.ipynb": "anna", "anna (1).ipynb": "anna", "bo - Copy.ipynb": "bo",
        "(1).ipynb": "(1)", "á b�.ipynb": "á b�", "d�.ipynb": "d�"}


def test_no_cell_of_a_table_is_a_formula(tmp_path):
    for text in ("=1+1", "+1", "-1", "@sum", "\t=1"):
        assert report.safe(text) == "'" + text
    assert report.safe("a=1") == "a=1" and report.safe(0) == 0
    graded = Graded("=a.ipynb", "=a", "c", {"x": "right"}, ["-2 is wrong"])
    table = report.Table(tmp_path / "t.csv")
    table.add(graded)
    as_it_comes = (tmp_path / "t.csv").read_text("utf-8-sig")
    table.finish([graded])
    assert (tmp_path / "t.csv").read_text("utf-8-sig") == as_it_comes
    assert "'=a,'=a.ipynb,c,x,right,1,'-2 is wrong" in as_it_comes
    assert "'=a,1,1,1,'=a.ipynb: -2 is wrong" in (tmp_path / "t-students.csv").read_text("utf-8")


def test_each_exercise_is_of_one_chapter_and_has_its_row():
    known = catalogue.load()
    ids = [id for chapter in known.values() for id in chapter.exercises]
    assert len(ids) == len(set(ids)) > 50


def test_a_chapter_is_recognised_by_title_then_by_its_exercises():
    known = catalogue.load()
    check = nbformat.v4.new_code_cell('exercises.check("deep-linear", 2)')
    for title, name in (
        ("# Random  networks become gaussian processes", "gp_limit/random_networks"),
        ("# Homework", "gp_limit/deep_kernels"),
    ):
        cells = [nbformat.v4.new_markdown_cell(title), check]
        notebook = nbformat.v4.new_notebook(cells=cells)
        assert catalogue.recognise(notebook, known).name == name
    assert catalogue.recognise(GOOD, known) is None


def test_an_unreadable_notebook_is_of_the_chapter_of_most_of_its_class():
    known = catalogue.load()
    check = nbformat.v4.new_code_cell('exercises.check("deep-linear", 2)')
    good = submissions.Submission("a", "a", nbformat.v4.new_notebook(cells=[check]))
    bad = submissions.Submission("b", "b", problem="an empty file")
    found = batch.assign([good, bad], known, None)
    assert found["b"].name == "gp_limit/deep_kernels"
    other = nbformat.v4.new_code_cell('exercises.check("two-outputs", 2)')
    third = submissions.Submission("c", "c", nbformat.v4.new_notebook(cells=[other]))
    assert batch.assign([good, bad, third], known, None)["b"] is None


def test_a_notebook_of_another_commit_is_noted():
    cell = nbformat.v4.new_code_cell('COMMIT = "0123456789abcdef0123456789abcdef01234567"')
    one = submissions.Submission("a", "a", nbformat.v4.new_notebook(cells=[cell]))
    chapter = next(iter(catalogue.load().values()))
    counted = {("a", chapter.name): 1}
    assert batch.notes_before(one, chapter, {}, counted, "f" * 40)[1:] == [
        "made from 0123456, graded with fffffff"]
    assert not batch.notes_before(one, chapter, {}, counted, cell.source[10:50])[1:]
