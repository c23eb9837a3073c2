"""A small bubblewrap, for systems that have only ``unshare``; Linux only.

``unshare … python jail.py SCRATCH_BYTES READABLE:READABLE:… COMMAND …`` runs as the first process
of fresh namespaces. It builds a root that holds the readable folders, read-only, and empty
folders in memory, moves there, gives its privileges up and becomes the command.
"""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import sys
import tempfile
from pathlib import Path

READ_ONLY, NO_SETUID, NO_DEVICES, REMOUNT = 1, 2, 4, 32
BIND, RECURSIVE, PRIVATE = 1 << 12, 1 << 14, 1 << 18
MOUNT_SETATTR, AT_RECURSIVE = 442, 0x8000
DROP_CAPABILITY, NO_NEW_PRIVILEGES = 24, 38
DEVICES = ("null", "zero", "full", "random", "urandom")
KEPT_FOR_ROOT = {6, 7}  # setgid and setuid, with which the worker becomes nobody
libc = ctypes.CDLL(None, use_errno=True)


def done(result: int, what: str) -> None:
    """Raise what a system call reported."""
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def mount(source: str, target: str | Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Call mount(2)."""
    texts = [text.encode() if text else None for text in (source, str(target), kind)]
    done(libc.mount(*texts, ctypes.c_ulong(flags), data.encode() or None), f"mount {target}")


def read_only(path: Path) -> None:
    """Make a mount and all below it read-only; mount_setattr(2) keeps their other flags."""
    attributes = struct.pack("QQQQ", READ_ONLY | NO_SETUID, 0, 0, 0)
    arguments = (MOUNT_SETATTR, -100, str(path).encode(), AT_RECURSIVE, attributes, len(attributes))
    done(libc.syscall(*map(_long, arguments)), f"make {path} read-only")


def _long(value):
    return ctypes.c_long(value) if isinstance(value, int) else value


def build(root: Path, readable: list[str], scratch: int) -> None:
    """Fill an empty folder with the file system that the command sees."""
    mount("tmpfs", root, "tmpfs", NO_SETUID | NO_DEVICES, "mode=755,size=1m")
    for name in readable:
        source, target = Path(name), root / name.lstrip("/")
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        else:
            continue
        mount(str(source), target, flags=BIND | RECURSIVE)
        read_only(target)
    for name in ("proc", "dev", "tmp"):
        (root / name).mkdir(exist_ok=True)
    mount("proc", root / "proc", "proc", NO_SETUID | NO_DEVICES)
    for device in DEVICES:
        (root / "dev" / device).touch()
        mount(f"/dev/{device}", root / "dev" / device, flags=BIND)
    (root / "dev/shm").mkdir()
    for name in ("tmp", "dev/shm"):
        flags, data = NO_SETUID | NO_DEVICES, f"mode=1777,size={scratch}"
        mount("tmpfs", root / name, "tmpfs", flags, data)
    mount("", root, flags=REMOUNT | READ_ONLY | NO_SETUID | NO_DEVICES)


def loopback_up() -> None:
    """Switch the loopback device of a new network namespace on; kernels talk through it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1 | 64))  # up and running


def give_up_privileges(kept: set[int]) -> None:
    """No program that is started from here on can have any capability but these."""
    for capability in set(range(64)) - kept:
        libc.prctl(DROP_CAPABILITY, capability, 0, 0, 0)  # those that do not exist fail
    done(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")


def main() -> None:
    """Build the root, enter it and become the command."""
    scratch, readable, *command = sys.argv[1:]
    in_user_namespace = Path("/proc/self/uid_map").read_text().split()[2] != "4294967295"
    mount("", "/", flags=PRIVATE | RECURSIVE)
    root = Path(tempfile.gettempdir())
    with contextlib.suppress(OSError):
        loopback_up()
    build(root, readable.split(":"), int(scratch))
    os.chroot(root)
    os.chdir("/tmp")
    give_up_privileges(set() if in_user_namespace else KEPT_FOR_ROOT)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
