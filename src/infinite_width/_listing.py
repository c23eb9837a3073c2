"""The book's lists of claims and exercises, and what to say about an id that is not in them."""

import difflib
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any


def read(name: str) -> dict[str, Any]:
    """The entries of a TOML file beside this module."""
    text = resources.files("infinite_width").joinpath(name).read_text("utf-8")
    return tomllib.loads(text)


def entry(kind: str, entries: Mapping[str, Any], id: str) -> Any:
    """One entry; for an id that is not there, a ValueError with the nearest ones."""
    if id in entries:
        return entries[id]
    near = difflib.get_close_matches(str(id), entries, n=3, cutoff=0.4)
    perhaps = f", perhaps {' or '.join(map(repr, near))}" if near else ""
    raise ValueError(f"id: expected one of the book's {kind}{perhaps}; got {id!r}")
