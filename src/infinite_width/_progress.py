"""A text bar for long runs, seen only by people."""

import sys
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def bar(total: int, label: str, show: bool = True):
    """Show a text bar while somebody watches; yields a function to call with the number done.

    It appears after a second on a terminal or in a notebook that a person runs, writes to
    stdout and wipes itself out. A notebook that a program executes (nbclient, nbval) stores
    nothing of it.
    """
    with tqdm(total=total, desc=label, file=sys.stdout, leave=False, delay=1.0, ncols=72,
              disable=not (show and watched())) as shown:
        yield lambda done: shown.update(done - shown.n)


def watched() -> bool:
    """Whether a person sees what is printed."""
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython.get_ipython(), "kernel", None) if ipython else None
    if kernel is None:
        return sys.stdout.isatty()
    # A front end with a person in front of it can be asked for input; executors cannot.
    return bool(kernel.get_parent().get("content", {}).get("allow_stdin", False))
