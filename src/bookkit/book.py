"""Build the website below ``_build``: ``python -m bookkit book [--serve PORT] [--editions]``."""

import argparse
import shutil
import sys
from functools import partial
from http.server import ThreadingHTTPServer

from bookkit.chapters import ROOT, SITE
from bookkit.editions import origin
from bookkit.site import QuietHandler, build_into

EDITIONS = SITE.parent / "editions"


def serve(port: int) -> None:
    """Serve the built site on loopback until somebody presses Ctrl-C."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port),
                                     partial(QuietHandler, directory=str(SITE)))
    except OSError:
        sys.exit(f"Port {port} is busy. Try: make serve PORT={port + 1}")
    with server:
        print(f"The book is at http://127.0.0.1:{port}/ until you press Ctrl-C.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\rClosed.")


def main() -> int:
    """Build, and say where the site is."""
    parser = argparse.ArgumentParser(description="Build the website from the stored outputs.")
    parser.add_argument("--serve", type=int, metavar="PORT", help="then show it on this machine")
    parser.add_argument("--editions", action="store_true", help="copy them to _build/editions")
    options = parser.parse_args()
    print("Building the site from the stored outputs …", flush=True)
    status, messages, folder = build_into(ROOT)
    if status:
        print(messages)
        print("The build failed; the messages are above.")
        return 1
    print(f"The site is at {(folder / 'index.html').as_uri()} (make serve shows it).")
    if options.editions:
        shutil.rmtree(EDITIONS, ignore_errors=True)
        shutil.copytree(folder / "editions", EDITIONS)
        names = " ".join(sorted(path.name for path in EDITIONS.iterdir()))
        print(f"The editions are in {EDITIONS.relative_to(ROOT)}: {names}.")
        origin.main()
    if options.serve is not None:
        serve(options.serve)
    return 0
