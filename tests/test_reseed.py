"""Chapters run under other seeds; the table reads the claims' JSON."""

import sys

import nbformat
import pytest

from bookkit import cards, chapters, reseed

SOURCE = """import os
from IPython.display import display
seed = int(os.environ["INFINITE_WIDTH_SEED"])
def check(id, value, error, holds):
    display({MIME: {"id": id, "value": value, "error": error, "holds": holds,
                  "outcome": "holds" if holds else "outside"}}, raw=True)
check("steady", 1.0 + seed, 0.25, True)
assert os.environ["INFINITE_WIDTH_CLAIMS"] == "record"
check("lucky", 3.0 if seed == 2 else 1.0, None, seed != 2)""".replace("MIME", repr(cards.CLAIM))


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.setattr(chapters, "BOOK", tmp_path)

    def run(source, *arguments):
        cells = [nbformat.v4.new_code_cell(source)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
        monkeypatch.setattr(sys, "argv", ["reseed", *arguments, "a"])
        return reseed.main()

    return run


def test_the_table_says_how_often_each_claim_held(command, capsys):
    assert command(SOURCE, "--seeds", "3") == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["steady", "3/3", "3", "1", "0.25"] in lines
    assert ["lucky", "2/3", "1.6667", "1.15", "–"] in lines
    assert lines[-2] == "1 of 2 claims held under every seed.".split()
    assert lines[-1] == "a, seed 2: lucky is outside at 3".split()


def test_the_first_seed_may_be_another(command, capsys):
    assert command(SOURCE, "--seeds", "1", "--first", "3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["steady", "1/1", "4", "–", "0.25"] in map(str.split, lines)


def test_other_failures_are_named(command, capsys):
    assert command("1 / 0", "--seeds", "1") == 1
    assert "a, seed 1: cell 1 (1 / 0): ZeroDivisionError" in capsys.readouterr().out


def test_an_interruption_ends_with_the_table(command, monkeypatch, capsys):
    calls, run = [], reseed.run

    def once(*arguments):
        calls.append(arguments)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return run(*arguments)

    monkeypatch.setattr(reseed, "run", once)
    assert command(SOURCE, "--seeds", "3") == 130
    said = capsys.readouterr().out
    assert "Interrupted" in said and "2 of 2 claims held" in said
