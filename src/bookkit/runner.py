"""The one notebook runner: chapters, editions and submissions all run through it.

The kernel is always an ``ipykernel`` of a Python that the caller names, this one if it names
none; which kernels a machine has registered does not matter.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

from bookkit.chapters import ROOT


def with_cache(**variables: str) -> dict[str, str]:
    """This process's environment, with these variables and what XLA compiled earlier.

    For chapters that run several times, and tests. Run times are measured without it.
    """
    cache = {"JAX_COMPILATION_CACHE_DIR": str(ROOT / "_build" / "jax-cache"),
             "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1"}
    return cache | os.environ | variables


def without_cache() -> dict[str, str]:
    """This process's environment, in which XLA compiles everything anew."""
    return {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}


def kernel_manager(
    python: str | Path = sys.executable, prefix: Sequence[str] = ()
) -> type[AsyncKernelManager]:
    """A class of kernels of one Python, started behind a command such as a sandbox."""
    # Without the option, newer Pythons make the kernel warn on stderr that it cannot be debugged.
    argv = [*prefix, str(python), "-Xfrozen_modules=off", "-m", "ipykernel_launcher"]
    argv += ["--IPKernelApp.log_level=40", "-f", "{connection_file}"]

    class Kernel(AsyncKernelManager):
        """Starts this Python's kernel, whatever name a notebook asks for."""

        kernel_spec = KernelSpec(argv=argv, display_name="Python 3", language="python")

    return Kernel


def run(
    notebook: NotebookNode,
    folder: Path,
    *,
    python: str | Path = sys.executable,
    prefix: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    allow_errors: bool = False,
    timeout: float = 900,
    on_cell: Callable[[int, int], None] = lambda index, count: None,
    client: type[NotebookClient] = NotebookClient,
) -> float:
    """Run a notebook from top to bottom, in a fresh kernel; its outputs are replaced.

    Args:
        notebook: What to run, changed in place; up to where it came if it fails.
        folder: The kernel's working directory.
        python: Whose ``ipykernel`` to start.
        prefix: A command that starts the kernel, such as that of a sandbox.
        environment: All of the kernel's environment variables; those of this process if None.
        allow_errors: Whether to go on after a cell that raised.
        timeout: Seconds that one cell may take.
        on_cell: Called with each cell's index and the number of cells before it runs.
        client: What talks to the kernel and keeps its outputs.

    Returns:
        The seconds that it took.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell raised and `allow_errors` is False.
        nbclient.exceptions.CellTimeoutError: A cell took longer than `timeout`.
        nbclient.exceptions.DeadKernelError: The kernel died.
        KeyboardInterrupt: Somebody pressed Ctrl-C; the kernel is gone by then.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    running = client(
        notebook,
        timeout=timeout,
        allow_errors=allow_errors,
        record_timing=False,
        store_widget_state=False,
        shutdown_kernel="immediate",
        kernel_manager_class=kernel_manager(python, prefix),
        on_cell_start=lambda cell, cell_index: on_cell(cell_index, len(notebook.cells)),
        resources={"metadata": {"path": str(folder)}},
    )
    start = time.perf_counter()
    _finish(running.async_execute(**({} if environment is None else {"env": dict(environment)})))
    return time.perf_counter() - start


def _finish(coroutine: Coroutine) -> None:
    """Run a coroutine to its end; an interruption cancels it and waits until it has cleaned up.

    It runs in a thread of its own: in the main thread, nbclient handles Ctrl-C itself, stops the
    kernel under its own feet and ends in an AssertionError.
    """
    tasks = []

    async def work():
        tasks.append(asyncio.current_task())
        await coroutine

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(asyncio.run, work())
        try:
            future.result()
        except KeyboardInterrupt:
            for task in tasks:
                task.get_loop().call_soon_threadsafe(task.cancel)
            with suppress(BaseException):
                future.result()
            raise
