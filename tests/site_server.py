"""Serve a built site on loopback and open it in headless Chromium: for tests and screenshots."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

# Chromium's own traffic (updates, safe browsing, field trials) is no concern of the pages.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
)


class QuietHandler(SimpleHTTPRequestHandler):
    """Serve files without a log line for each."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def chromium() -> str | None:
    """Return the Chromium to drive: ``$CHROMIUM``, or the one on the path, or None."""
    return (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )


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
