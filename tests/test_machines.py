"""Other machines are imitated, and what differs there is listed."""

import os
import sys

import nbformat
import pytest

from bookkit import chapters, machines, runner

SOURCE = 'import os\nprint(os.environ.get("XLA_FLAGS", "none"), len(os.sched_getaffinity(0)))'


@pytest.mark.slow
def test_the_flags_are_ones_that_xla_knows(tmp_path):
    # An unknown flag ends the process, which would look like a difference everywhere.
    code = "import jax; print(float(jax.jit(lambda x: x + 1)(1.0)))"
    for machine in machines.MACHINES.values():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        runner.run(notebook, tmp_path, environment=os.environ | dict(machine.environment))
        assert notebook.cells[0].outputs[0].text == "2.0\n"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_what_differs_is_listed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(chapters, "BOOK", tmp_path)
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    before = os.sched_getaffinity(0)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE)])
    runner.run(notebook, tmp_path, environment=os.environ | {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"})
    nbformat.write(notebook, tmp_path / "a.ipynb")
    monkeypatch.setattr(sys, "argv", ["machines", "--only", "AVX2", "a"])
    assert machines.main() == 0
    assert "Nothing differs." in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["machines", "a"])
    assert machines.main() == 1
    lines = capsys.readouterr().out.splitlines()
    listed = [line for line in lines if "stored is" in line]
    assert [line.split(":")[0] for line in listed] == ["SSE4.2", "one-core"]
    assert f"intra_op_parallelism_threads=1 {min(1, len(before))}" in listed[1]
    assert os.sched_getaffinity(0) == before
