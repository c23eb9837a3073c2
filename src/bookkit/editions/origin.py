"""The commit that editions are made from, and at which they install the package."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from typing import NamedTuple

from bookkit.chapters import ROOT

INSTALLED = ("src/infinite_width", "pyproject.toml")  # what a change of would not reach readers


class Origin(NamedTuple):
    """A commit, or a branch where there is none, and what to know about it, as sentences."""

    commit: str
    notes: tuple[str, ...]


def git(*arguments: str) -> str | None:
    """The output of git, or None if it fails or is not there."""
    try:
        run = subprocess.run(["git", "-c", "safe.directory=*", "-C", ROOT, *arguments],
                             capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return run.stdout.strip()


def head() -> str | None:
    """The commit that is checked out, or None."""
    # A folder above may be a repository too, of something else.
    return git("rev-parse", "HEAD") if git("rev-parse", "--show-prefix") == "" else None


@cache
def origin(branch: str = "main") -> Origin:
    """Where editions come from.

    Args:
        branch: What to install where there is no commit.
    """
    own = head()
    commit = own or os.environ.get("GITHUB_SHA")
    if commit is None:
        return Origin(branch, (f"There is no git repository, so the editions install the branch "
                               f"{branch}, which changes.",))
    notes = []
    if own and git("status", "--porcelain", "--", *INSTALLED):
        notes.append(f"The package has changes that are not committed; the editions install "
                     f"{commit[:10]}, which lacks them.")
    if own and git("branch", "--remotes", "--contains", commit) == "":
        notes.append(f"The commit {commit[:10]} is on no remote branch yet; push it before you "
                     "hand the editions out.")
    return Origin(commit, tuple(notes))


def main() -> int:
    """Say what there is to know."""
    print("\n".join(origin().notes) or f"They install the package at {origin().commit[:10]}.")
    return 0
