"""Open a chapter in JupyterLab: ``python -m bookkit lab [CHAPTER] [--source]``.

It opens a copy of the student edition, ``_build/lab/CHAPTER.ipynb``, which is plain Markdown and
runs as it is: change it at will, it is not made anew as long as it is there. With ``--source`` it
opens the chapter itself, to be edited. The only kernel is that of this Python, whatever else the
machine has registered, and saving leaves the notebook's metadata alone, so that ``git diff``
shows what you wrote. JupyterLab is fetched into the environment at first use.
"""

import argparse
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

from bookkit import chapters
from bookkit.chapters import METADATA
from bookkit.runner import kernel_manager

EDITIONS = chapters.ROOT / "_build" / "editions" / "student"
COPIES = chapters.ROOT / "_build" / "lab"
FIRST = "gp_limit/random_networks"
WANTED = "jupyterlab>=4,<5"


class OneKernel(KernelSpecManager):
    """Knows the kernel of this Python and no other."""

    def find_kernel_specs(self) -> dict[str, str]:
        """The one kernel, by the name that every notebook of the book asks for."""
        return {"python3": str(Path(sys.prefix, "share", "jupyter", "kernels", "python3"))}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """How to start it.

        Raises:
            NoSuchKernel: The name is another one.
        """
        if kernel_name != "python3":
            raise NoSuchKernel(kernel_name)
        return kernel_manager().kernel_spec


def keep_metadata(model: dict[str, Any], **_: Any) -> None:
    """Before a notebook is saved, take out what the editor wrote about this machine."""
    if model["type"] == "notebook" and model.get("content"):
        model["content"]["metadata"] |= METADATA


def notebook(name: str, *, source: bool = False) -> Path:
    """The file to open: the chapter itself, or a copy of its student edition.

    Raises:
        ValueError: There is no such chapter, or the editions were not made.
    """
    chapter = chapters.path_of(name)
    name = chapters.name_of(chapter)
    if source:
        return chapter
    edition, copy = EDITIONS / f"{name}.ipynb", COPIES / f"{name}.ipynb"
    if not copy.exists():
        if not edition.exists():
            raise ValueError(f"expected the edition of {name}, made by make editions; got none")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(edition, copy)
    return copy


def command(path: Path) -> list[str]:
    """How to start JupyterLab on a notebook."""
    return [
        sys.executable, "-m", "jupyterlab", str(path),
        f"--ServerApp.root_dir={path.parent}",
        "--ServerApp.kernel_spec_manager_class=bookkit.lab.OneKernel",
        "--FileContentsManager.pre_save_hook=bookkit.lab.keep_metadata",
    ]


def install() -> None:
    """Fetch JupyterLab into this environment; what the lock holds stays as it is."""
    print("Fetching JupyterLab into the environment, once …", flush=True)
    lock = ["--constraint", str(chapters.ROOT / "requirements.txt")]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *lock, WANTED], check=True)


def main() -> int:
    """Open the chapter that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapter", nargs="?", default=FIRST)
    parser.add_argument("--source", action="store_true", help="the chapter itself, to edit it")
    options = parser.parse_args()
    try:
        path = notebook(options.chapter, source=options.source)
        if importlib.util.find_spec("jupyterlab") is None:
            install()
    except ValueError as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError:
        sys.exit(f"JupyterLab could not be fetched. Any editor for notebooks does: open {path} and "
                 f"choose {sys.executable} as its Python.")
    print(f"Opening {path.relative_to(chapters.ROOT)}; end with Ctrl-C.", flush=True)
    try:
        return subprocess.run(command(path), cwd=chapters.ROOT).returncode
    except KeyboardInterrupt:
        return 0
