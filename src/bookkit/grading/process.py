"""Run one submission in a process of its own, watch over it and gather what it says."""

import contextlib
import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from nbformat import NotebookNode

from bookkit.grading.sandbox import WORKER, Sandbox

LOOK_EVERY = 0.25
MOST_BYTES = 20 * 2**20


@dataclass(frozen=True)
class Limits:
    """What a submission may take: seconds for all of it and for a cell, bytes, processes."""

    seconds: float = 900
    memory: int = 6 * 2**30
    scratch: int = 2**30
    processes: int = 500
    cell: float | None = None

    @property
    def cell_seconds(self) -> float:
        """A cell that takes more is interrupted, so that those after it still run."""
        return self.cell or max(1.0, self.seconds / 3)


@dataclass
class Outcome:
    """What became of a submission.

    Attributes:
        states: What the checker said of each exercise, at last.
        errors: The cells that failed: number, and what Python said.
        stopped: Why it did not run to its end.
        failed: Why the grader could not run it, which is not the submission's fault.
    """

    states: dict[str, str] = field(default_factory=dict)
    errors: list[tuple[int, str]] = field(default_factory=list)
    stopped: str = ""
    failed: str = ""
    seconds: float = 0.0
    memory: int = 0
    cell: int = 0
    count: int = 0
    ready: bool = False
    ended: bool = False

    def take(self, event: dict) -> None:
        """Learn from one event of the worker."""
        match event:
            case {"event": "cell", "cell": cell, "count": count}:
                self.cell, self.count = cell, count
            case {"event": "ready"}:
                self.ready = True
            case {"event": "mark", "id": str(id), "state": str(state)}:
                self.states[id] = state
            case {"event": "error", "cell": 0, "name": name, "text": text}:
                self.failed = f"the checker could not be started: {name}: {text}"
            case {"event": "error", "cell": cell, "name": name, "text": text}:
                self.errors.append((cell, f"{name}: {text}" if text else name))
            case {"event": "failed", "text": text}:
                self.failed = text
            case {"event": "end", "died": died}:
                self.ended = True
                self.stopped = f"the kernel died in {self.where}" if died else ""

    @property
    def where(self) -> str:
        """The cell that ran last, counted as the notebook shows them."""
        return f"cell {self.cell} of {self.count}"


def family(pid: int) -> list[psutil.Process]:
    """A process and everything that came from it and is not dead yet."""
    found = []
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for one in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                found += [one] * (one.status() != psutil.STATUS_ZOMBIE)
    return found


def end(process: subprocess.Popen) -> None:
    """End a process and everything that came from it."""
    # The first one last: as long as it lives, those who lose their parent stay below it.
    for _ in range(100):
        others = family(process.pid)[1:]
        for one in others:
            with contextlib.suppress(psutil.Error):
                one.kill()
        if not others:
            break
        time.sleep(0.02)
    process.kill()
    process.wait()


def size(pid: int) -> tuple[int, int]:
    """How many processes came from one, itself included, and their bytes in memory."""
    everybody, total = family(pid), 0
    for one in everybody:
        with contextlib.suppress(psutil.Error):
            total += one.memory_info().rss
    return len(everybody), total


def listen(stream, lines: queue.Queue) -> None:
    """Hand on the worker's lines; None when it has no more to say, or said too much."""
    left = MOST_BYTES
    while left > 0 and (line := stream.readline(left)):
        left -= len(line)
        lines.put(line)
    lines.put(None)


def run(notebook: NotebookNode, sandbox: Sandbox, limits: Limits,
        stop: threading.Event | None = None) -> Outcome:
    """Run a submission; whatever it does, this returns, and nothing of it is left running.

    Args:
        notebook: The submission.
        sandbox: Where to run it.
        limits: What it may take.
        stop: Set to end it early.
    """
    folder = Path(tempfile.mkdtemp(prefix="submission-")) if not sandbox.prefix else None
    job = {"notebook": notebook, "cell_seconds": limits.cell_seconds, "drop": sandbox.drop,
           "limits": {"memory": limits.memory, "file": limits.scratch,
                      # This one counts threads, and outside of a sandbox all that a user runs.
                      "processes": 4 * limits.processes if sandbox.prefix else None}}
    start, outcome = time.monotonic(), Outcome()
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(
            [*sandbox.prefix, sys.executable, *WORKER], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=messages, cwd=folder,
            env=sandbox.environment(folder or "/tmp"), start_new_session=True)
        try:
            lines: queue.Queue = queue.Queue()
            listener = threading.Thread(target=listen, args=(process.stdout, lines), daemon=True)
            listener.start()
            # If it died before it read everything, what it wrote says why.
            with contextlib.suppress(OSError), process.stdin as stdin:
                stdin.write(json.dumps(job).encode())
            watch(process.pid, lines, limits, stop, start, outcome)
        finally:
            end(process)
            listener.join()
            process.stdout.close()
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
        messages.seek(0)
        said = messages.read(5000).decode("utf-8", "replace").strip().splitlines()
    outcome.seconds = time.monotonic() - start
    if not outcome.ready and not outcome.failed and not outcome.stopped:
        outcome.failed = said[-1] if said else "the worker ended without a word"
    elif outcome.ready and not outcome.ended and not outcome.stopped:
        outcome.stopped = f"its process was killed in {outcome.where}"
    return outcome


def watch(pid: int, lines: queue.Queue, limits: Limits,
          stop: threading.Event | None, start: float, outcome: Outcome) -> None:
    """Take what the worker says until it ends, or until it takes too much."""
    looked = 0.0
    while not outcome.ended and not outcome.failed:
        try:
            line = lines.get(timeout=LOOK_EVERY)
        except queue.Empty:
            line = b""
        if line is None:
            return
        if line:
            outcome.take(json.loads(line))
        now = time.monotonic()
        if now - start > limits.seconds:
            outcome.stopped = f"stopped after {limits.seconds:.0f} s in {outcome.where}"
            return
        if stop is not None and stop.is_set():
            outcome.stopped = f"interrupted in {outcome.where}"
            return
        if now - looked > LOOK_EVERY:
            looked = now
            processes, used = size(pid)
            outcome.memory = max(outcome.memory, used)
            much = (f"{limits.memory / 2**30:.1f} GB of memory" if used > limits.memory else
                    f"{limits.processes} processes" if processes > limits.processes else "")
            if much:
                outcome.stopped = f"stopped: more than {much} in {outcome.where}"
                return
