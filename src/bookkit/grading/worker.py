"""Execute one submission, inside of the sandbox, and tell what happens line by line.

Reads a job as JSON from standard input: the notebook, the seconds that a cell may take, the
limits. Writes a line of JSON for each cell that starts, each mark, each error, and the end. What
a notebook prints or draws is dropped.
"""

import contextlib
import ctypes
import importlib.util
import json
import os
import secrets
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from bookkit import runner
from bookkit.grading.checker import MARK

NOBODY = 65534
SET_DUMPABLE, SET_CHILD_SUBREAPER = 4, 36
MOST_EVENTS = 5000


class Events:
    """Writes lines to what was the standard output, which the kernel does not inherit."""

    def __init__(self) -> None:
        """Take standard output away from everybody else."""
        self.file = os.fdopen(os.dup(1), "w", encoding="utf-8")
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in 0, 1, 2:
            os.dup2(nothing, standard)
        self.left = MOST_EVENTS

    def __call__(self, event: str, **content: Any) -> None:
        """Tell one event, unless a notebook made far too many."""
        self.left -= 1
        if self.left > 0 or event == "end":
            self.file.write(json.dumps({"event": event, **content}) + "\n")
            self.file.flush()


def client(tell: Events, secret: str) -> type[NotebookClient]:
    """A class of clients that keep nothing of what a notebook shows but its marks."""

    class Client(NotebookClient):
        def __init__(self, notebook, **options):
            options |= {"interrupt_on_timeout": True, "error_on_timeout": {
                "ename": "Timeout", "evalue": f"stopped after {options['timeout']:.0f} s",
                "traceback": []}}
            super().__init__(notebook, on_cell_executed=self.executed, **options)

        def executed(self, cell, cell_index, execute_reply):
            content = execute_reply["content"]
            if content["status"] == "error":
                tell("error", cell=cell_index, name=str(content.get("ename", ""))[:100],
                     text=str(content.get("evalue", ""))[:300])
            elif cell_index == 0:
                tell("ready")

        def process_message(self, msg, cell, cell_index):
            if msg["msg_type"] == "status":
                super().process_message(msg, cell, cell_index)
            mark = msg["content"].get("data", {}).get(MARK)
            solution = "solution" in cell.metadata.get("tags", [])
            if mark and mark.pop("secret", None) == secret and not solution:
                tell("mark", **mark)

    return Client


def limit(memory: int, file: int, processes: int | None) -> None:
    """Bound what each process may take, for this one and all that it starts."""
    import resource

    for kind, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, file),
                       (resource.RLIMIT_DATA, memory), (resource.RLIMIT_NPROC, processes)):
        hard = resource.getrlimit(kind)[1]
        if most is None:
            continue
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def close_off(drop: bool) -> None:
    """Become somebody who can do nothing to this process and, if root, to the machine."""
    if drop:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    with contextlib.suppress(AttributeError, OSError):  # these are Linux's
        prctl = ctypes.CDLL(None).prctl
        prctl(SET_DUMPABLE, 0, 0, 0, 0)  # the kernel cannot open what this process has open
        prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # whoever loses his parent stays below this one


def work(job: dict[str, Any], tell: Events) -> None:
    """Run the notebook of a job, or for a probe say only that this would be possible."""
    close_off(job["drop"])
    if job.get("probe"):
        hidden = not os.path.isdir(job["hidden"]) or not os.listdir(job["hidden"])
        seen = all(importlib.util.find_spec(name) for name in ("ipykernel", "jax", "_socket"))
        return tell("probe", hidden=hidden, seen=seen, uid=os.getuid())
    limit(**job["limits"])
    home = Path(tempfile.mkdtemp(prefix="home"))
    os.environ |= {"HOME": str(home), "TMPDIR": str(home.parent), "JUPYTER_RUNTIME_DIR": str(home)}
    folder = home / "work"
    folder.mkdir()
    secret, path = secrets.token_hex(16), home / "start"
    path.write_text(secret, "utf-8")
    notebook = nbformat.from_dict(job["notebook"])
    start = f"from bookkit.grading import checker\nchecker.install({str(path)!r})\ndel checker"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(start))
    try:
        runner.run(notebook, folder, timeout=job["cell_seconds"], allow_errors=True,
                   client=client(tell, secret),
                   on_cell=lambda index, count: tell("cell", cell=index, count=count - 1))
    except DeadKernelError:
        return tell("end", died=True)
    return tell("end", died=False)


def main() -> None:
    """Do the job on standard input and wait to be ended, together with what is left running."""
    job, tell = json.load(sys.stdin), Events()
    try:
        work(job, tell)
    except Exception as error:
        tell("failed", text="".join(traceback.format_exception(error))[-3000:])
    if not job.get("probe"):
        time.sleep(60)


if __name__ == "__main__":
    main()
