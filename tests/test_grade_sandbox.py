"""A submission reads and writes nothing of others, reaches nobody, and leaves nothing running."""

import os
import socket
import threading
import time

import nbformat
import psutil
import pytest

from bookkit.grading import process, sandbox
from infinite_width import exercises

LIMITS = process.Limits(seconds=240, memory=3 * 2**30, scratch=32 * 2**20)
EXERCISES = ("kurtosis-width", "step-kurtosis", "mean-field-power", "two-outputs",
             "stable-exponent", "deep-linear", "deep-kurtosis", "ntk-one-percent-width")
RIGHT = {id: exercises.load()[id]["value"] for id in EXERCISES}


def attacks(folder, port):
    """What a notebook tries; each raises OSError where it is prevented."""
    return {
        "write to another's folder": f"open({str(folder / 'bob' / 'new')!r}, 'w').close()",
        "write to the book": f"open({sandbox.__file__!r}, 'a').close()",
        "read another's notebook": f"open({str(folder / 'bob' / 'work.ipynb')!r}).read()",
        "reach a server": f"socket.create_connection(('127.0.0.1', {port}), 5).close()",
        "find a server by its file": "socket.socket(socket.AF_UNIX).connect("
                                     f"{str(folder / 'socket')!r})",
        "fill the disk": "[open(f'{i}', 'wb').write(bytes(2**23)) for i in range(8)]",
        "see who grades": f"os.kill({os.getpid()}, 0)",
        "take over the worker": "open(f'/proc/{os.getppid()}/environ').read()",
    }


def notebook(tried):
    v4 = nbformat.v4
    cells = [v4.new_code_cell("import os, socket, subprocess, sys\n"
                              "from infinite_width import exercises")]
    for id, code in zip(EXERCISES, tried):
        cells.append(v4.new_code_cell(
            f"try:\n    {code}\n    prevented = False\nexcept OSError:\n    prevented = True\n"
            f"exercises.check({id!r}, {RIGHT[id]} if prevented else {RIGHT[id] * 2})"))
    cells.append(v4.new_code_cell(
        "for _ in range(2):\n    subprocess.Popen([sys.executable, '-c', "
        "'import time; time.sleep(3217)'], start_new_session=True)"))
    return v4.new_notebook(cells=cells)


@pytest.fixture
def class_room(tmp_path):
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "work.ipynb").write_text("Bob's answers")
    server = socket.create_server(("127.0.0.1", 0))
    local = socket.socket(socket.AF_UNIX)
    local.bind(str(tmp_path / "socket"))
    local.listen()
    with server, local:
        yield tmp_path, server


def left_running():
    found = []
    for one in psutil.process_iter():
        try:
            found += [one.pid] * ("time.sleep(3217)" in " ".join(one.cmdline()))
        except psutil.Error:
            pass
    return found


def run(box, class_room):
    folder, server = class_room
    tried = attacks(folder, server.getsockname()[1])
    outcome = process.run(notebook(tried.values()), box, LIMITS)
    assert not outcome.failed and not outcome.stopped and not outcome.errors, outcome
    names = dict(zip(EXERCISES, tried))
    return {names[id]: state == "ok" for id, state in outcome.states.items()}


@pytest.mark.parametrize("name", ["bubblewrap", "unshare"])
def test_what_a_submission_cannot_do(name, class_room):
    box, obstacles = sandbox.find(class_room[0], LIMITS.scratch, [name])
    if box is None:
        pytest.skip(f"no sandbox by {name} here: {obstacles[name]}")
    prevented = run(box, class_room)
    assert prevented == dict.fromkeys(prevented, True) and len(prevented) == len(EXERCISES)
    assert sorted(os.listdir(class_room[0] / "bob")) == ["work.ipynb"]
    assert not left_running()


def test_without_a_sandbox_these_attacks_succeed(class_room):
    """Otherwise the test above would prove nothing; what is left running is ended all the same."""
    prevented = run(sandbox.NONE, class_room)
    protected = {"take over the worker"} | (
        set() if os.access(sandbox.__file__, os.W_OK) else {"write to the book"})
    assert {name for name, was in prevented.items() if was} <= protected
    assert (class_room[0] / "bob" / "new").exists()
    assert not left_running()


def test_the_teachers_environment_stays_outside(monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    assert "secret" not in str(sandbox.NONE.environment())


@pytest.mark.slow
def test_too_much_memory_and_too_much_time_end_a_submission(tmp_path):
    code = nbformat.v4.new_code_cell("import numpy as np\na = [np.ones(2**25) for _ in range(9)]\n"
                                     "import time\ntime.sleep(600)")
    greedy = nbformat.v4.new_notebook(cells=[code])
    # The limit of each process lets it have what the limit of all of them together does not.
    outcome = process.run(greedy, sandbox.NONE, process.Limits(240, memory=2**30))
    assert "memory in cell 1 of 1" in outcome.stopped or "MemoryError" in str(outcome.errors)
    start = time.monotonic()
    deaf = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(600)"
    slow = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(deaf) for _ in range(4)])
    outcome = process.run(slow, sandbox.NONE, process.Limits(seconds=12))
    assert outcome.stopped.startswith("stopped after 12 s in cell ") and not outcome.failed
    assert time.monotonic() - start < 60


def test_an_interrupted_grader_ends_what_it_runs():
    stop = threading.Event()
    threading.Timer(6, stop.set).start()
    slow = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(
        "import time\ntime.sleep(3217)")])
    outcome = process.run(slow, sandbox.NONE, process.Limits(240), stop)
    assert outcome.stopped.startswith("interrupted")


def test_a_system_without_a_sandbox_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sandbox.find(tmp_path, 2**20) == (
        None, {"bubblewrap": "not installed", "unshare": "not installed"})


def test_a_sandbox_that_hides_nothing_is_none(class_room):
    said = sandbox.obstacle(sandbox.Sandbox("none", ("env",)), class_room[0])
    assert "does not separate" in said and "'hidden': False" in said
    broken = sandbox.Sandbox("none", ("sh", "-c", "echo forbidden >&2"))
    assert sandbox.obstacle(broken, class_room[0]) == "forbidden"
