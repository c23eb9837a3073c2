"""What Binder needs to open editions on the branch of the website.

Binder builds an environment from the folder ``binder`` of a branch: the locked versions of what
the package needs, and the package at the commit that the editions were made from. Nothing is
resolved, since neural-tangents would ask for TensorFlow.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from bookkit.chapters import ROOT
from bookkit.environments import name_of
from bookkit.first_cell import EXTRA, PROJECT, missing
from bookkit.repository import GITHUB

PYTHON = "python-3.11"  # one that the lock is for
INSTALL = """\
#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
python -m pip install --no-cache-dir --no-deps --requirement lock.txt
"""


def lock(repository: str, commit: str) -> str:
    """The locked requirements of the package, and the package itself."""
    needed = missing([*PROJECT["project"]["dependencies"], *EXTRA], ())
    names = {name_of(text) for text in needed}
    locked = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    lines = [line for line in locked if re.match(r"\w", line) and name_of(line) in names]
    return "\n".join([*lines, f"infinite-width @ git+{repository}@{commit}", ""])


def write(folder: Path, repository: str, commit: str) -> None:
    """Write the environment into the website's folder."""
    target = folder / "binder"  # no dot: hidden files get lost between a workflow's jobs
    target.mkdir(parents=True, exist_ok=True)
    (target / "runtime.txt").write_text(f"{PYTHON}\n", "utf-8")
    (target / "lock.txt").write_text(lock(repository, commit), "utf-8")
    (target / "postBuild").write_text(INSTALL, "utf-8")
    (target / "postBuild").chmod(0o755)


def address(host: str, repository: str, branch: str, path: str) -> str:
    """The address at which Binder opens a notebook of a branch in JupyterLab.

    Args:
        host: Of Binder.
        repository: Its address.
        branch: The branch that holds the notebook and the folder ``binder``.
        path: The notebook's path on that branch.
    """
    gitlab = "https://gitlab.com/"
    if repository.startswith(GITHUB):
        where = f"gh/{repository.removeprefix(GITHUB)}"
    elif repository.startswith(gitlab):
        where = f"gl/{quote(repository.removeprefix(gitlab), safe='')}"
    else:
        where = f"git/{quote(repository, safe='')}"
    return f"{host.rstrip('/')}/v2/{where}/{branch}?urlpath=lab/tree/{path}"
