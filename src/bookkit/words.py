"""How commands talk to people."""

import sys


def say(text: str) -> None:
    """Print a line at once, also into a pipe; before people's eyes, over a line of progress."""
    print(f"\r{text}" if sys.stdout.isatty() else text, flush=True)


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}" + "s" * (number != 1)
