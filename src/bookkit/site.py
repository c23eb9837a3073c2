"""Build the website, serve it on loopback and open it in headless Chromium."""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, sync_playwright

from bookkit.chapters import ROOT

# Chromium's own traffic (updates, safe browsing, field trials) is no concern of the pages.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
)
# Run in a page: wait until pictures, mathematics and fonts are there.
SETTLED = """async () => {
    for (const image of document.images) image.loading = "eager";
    await Promise.all([...document.images].map(image => image.decode().catch(() => {})));
    if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
    await document.fonts.ready;
}"""


class QuietHandler(SimpleHTTPRequestHandler):
    """Serve files without a log line for each."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


NO_CHROMIUM = ("no Chromium: apt install chromium, or python -m playwright install --with-deps "
               "chromium, or set CHROMIUM to its path")


def chromium() -> str | None:
    """The Chromium to drive: ``$CHROMIUM``, one on the path, Playwright's own, or None."""
    found = os.environ.get("CHROMIUM")
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = found or shutil.which(name)
    if not found:
        with sync_playwright() as playwright:
            own = playwright.chromium.executable_path
        found = own if Path(own).exists() else None
    return found


def fetch_chromium() -> None:
    """Fetch Playwright's own Chromium if there is none; what cannot be fetched is left.

    `PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD` forbids it.
    """
    if os.environ.get("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD") or chromium():
        return
    print("There is no Chromium; fetching Playwright's own …", flush=True)
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(command, capture_output=True, timeout=300)


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on a free loopback port and yield its address, without a final slash."""
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def browser(executable: str) -> Iterator[Browser]:
    """Yield a headless browser and close it afterwards."""
    with sync_playwright() as playwright:
        # Chromium refuses its sandbox to root, who runs the tests in containers.
        sandbox = hasattr(os, "geteuid") and os.geteuid() != 0
        running = playwright.chromium.launch(
            executable_path=executable, args=list(QUIET), chromium_sandbox=sandbox
        )
        try:
            yield running
        finally:
            running.close()


class Build(NamedTuple):
    """What became of a build: its exit code, its warnings, and where the site is."""

    status: int
    messages: str
    folder: Path


def build_into(out: Path, seed: int = 0) -> Build:
    """Build the site into the folder ``_build/html`` below `out`; warnings are errors.

    Args:
        out: Where.
        seed: Of Python's hashes, on which nothing that is built may depend.
    """
    command = [sys.executable, "-W", "ignore::SyntaxWarning"]
    command += [Path(sys.executable).with_name("jupyter-book"), "build", ROOT]
    command += ["--path-output", out, "--all", "--nitpick", "--warningiserror", "--keep-going"]
    run = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": str(seed)},
    )
    lines = re.sub(r"\x1b\[[0-9;]*m", "", run.stdout + run.stderr).splitlines()
    warnings = [line for line in lines if re.search(r"WARNING|ERROR|CRITICAL", line)]
    return Build(run.returncode, "\n".join(warnings or lines[-40:]), out / "_build" / "html")


@cache
def build(seed: int = 0) -> Build:
    """Build the site as `make book` does, into a folder of its own.

    Args:
        seed: As in `build_into`.
    """
    out = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    return build_into(out, seed)
