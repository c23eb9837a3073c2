"""A place in which a submission can read the installation and nothing else, and reach nobody.

Inside, the system's and this Python's folders are read-only; the home folder, the submissions and
everything else do not exist. What is written goes into memory, up to a limit, and is gone
afterwards. There is no network but a loopback of its own, and no other process to be seen. When
root grades, the notebook runs as nobody.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store",
          "/etc/alternatives", "/etc/fonts", "/etc/group", "/etc/ld.so.cache", "/etc/localtime",
          "/etc/nsswitch.conf", "/etc/passwd")
WORKER = ("-m", "bookkit.grading.worker")


@dataclass(frozen=True)
class Sandbox:
    """A way to run a command apart from everything.

    Attributes:
        name: What it is called in the summary.
        prefix: What stands before the command.
        drop: Whether the worker starts as root and must become nobody.
    """

    name: str
    prefix: tuple[str, ...] = ()
    drop: bool = False

    def environment(self, folder: Path | str = "/tmp") -> dict[str, str]:
        """The worker's environment variables; the teacher's own, with his tokens, stay outside."""
        # No common compilation cache: what one submission writes, the next would execute.
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join(sources()), "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder), "JAX_PLATFORMS": "cpu",
        }


NONE = Sandbox("no sandbox at all")


def sources() -> list[str]:
    """The folders from which the packages are imported, each once."""
    found = [importlib.util.find_spec(name).origin for name in ("bookkit", "infinite_width")]
    return list(dict.fromkeys(str(Path(origin).parents[1]) for origin in found))


def readable() -> list[str]:
    """Everything that a kernel of this Python reads: folders, each after those that hold it."""
    python = Path(sys.executable)
    prefixes = {sys.prefix, sys.base_prefix, sys.base_exec_prefix,
                os.path.realpath(sys.base_prefix), str(Path(os.path.realpath(python)).parents[1])}
    packages = [str(Path(source, name)) for source in sources()
                for name in ("bookkit", "infinite_width")]
    wanted = [*SYSTEM, *sorted(prefixes - {"/", str(Path.home())}), *packages]
    return [name for name in dict.fromkeys(wanted) if os.path.exists(name)]


def bubblewrap(scratch: int) -> Sandbox:
    """bubblewrap, version 0.7 or newer."""
    root = os.geteuid() == 0
    command = ["bwrap", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
               "--die-with-parent", "--new-session", "--hostname", "submission",
               "--cap-drop", "ALL"]
    command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if root else [
        "--unshare-user"]
    made = set()
    for name in readable():
        for above in map(str, list(Path(name).parents)[-2::-1]):
            if above not in made:  # else it would be as closed as outside, which nobody cannot pass
                command += ["--perms", "0755", "--dir", above]
        made |= {name, *map(str, Path(name).parents)}
        command += ["--ro-bind", name, name]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for name in ("/dev/shm", "/tmp"):
        command += ["--perms", "1777", "--size", str(scratch), "--tmpfs", name]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--"]
    return Sandbox("bubblewrap", tuple(command), drop=root)


def unshare(scratch: int) -> Sandbox:
    """util-linux's unshare, with `jail` for the rest."""
    root = os.geteuid() == 0
    command = ["unshare", *([] if root else ["--user", "--map-root-user"]), "--mount", "--net",
               "--ipc", "--uts", "--pid", "--fork", "--kill-child", "--", sys.executable, "-I",
               str(Path(__file__).with_name("jail.py")), str(scratch), ":".join(readable())]
    return Sandbox("unshare", tuple(command), drop=root)


def obstacle(sandbox: Sandbox, hidden: Path) -> str:
    """Why it cannot be used here; "" if a worker starts in it and does not see a folder outside."""
    if shutil.which(sandbox.prefix[0]) is None:
        return "not installed"
    job = json.dumps({"probe": True, "drop": sandbox.drop, "hidden": str(hidden)})
    try:
        run = subprocess.run([*sandbox.prefix, sys.executable, *WORKER], input=job, timeout=60,
                             env=sandbox.environment(), capture_output=True, text=True)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    try:
        answer = json.loads(run.stdout.splitlines()[0])
    except (ValueError, IndexError):
        return (run.stderr.strip().splitlines() or ["no answer"])[-1]
    if not (answer.get("seen") and answer["hidden"] and (answer["uid"] or not sandbox.drop)):
        return f"it does not separate what it should: {answer}"
    return ""


def find(hidden: Path, scratch: int, among: Sequence[str] = ("bubblewrap", "unshare")
         ) -> tuple[Sandbox | None, dict[str, str]]:
    """The first sandbox that works here, found by trying, and why those before it do not.

    Args:
        hidden: A folder with something in it that the sandbox must not show, the submissions.
        scratch: Bytes that a submission may write.
        among: Which to try.
    """
    obstacles = {}
    for name in among:
        box = {"bubblewrap": bubblewrap, "unshare": unshare}[name](scratch)
        if not (reason := obstacle(box, hidden.absolute())):
            return box, obstacles
        obstacles[name] = reason
    return None, obstacles
