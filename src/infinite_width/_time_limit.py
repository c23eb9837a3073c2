"""Run code of somebody else for a limited time."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator


class OutOfTime(BaseException):
    """The time is up; not an Exception, so that the code's own handlers let it pass."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` in the block after some seconds.

    The system's timer interrupts Python code in the main thread, where notebooks run theirs. It
    cannot interrupt one long call into compiled code, and there is none on Windows or in other
    threads: there the block has no limit.
    """
    if not hasattr(signal, "setitimer") or (
            threading.current_thread() is not threading.main_thread()):
        yield
        return

    def stop(number, frame):
        raise OutOfTime

    handler, begin = signal.signal(signal.SIGALRM, stop), time.monotonic()
    # It fires again and again, in case a bare `except` swallows the first one.
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 0.01)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if remaining:  # somebody else's timer, such as that of a test runner
            left = max(remaining - (time.monotonic() - begin), 1e-3)
            signal.setitimer(signal.ITIMER_REAL, left, interval)
