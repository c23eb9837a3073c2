"""The exercises' checker inside of a kernel that runs a submission.

It is a copy of its own, loaded before anything of the notebook ran, so that a notebook that
changes ``infinite_width.exercises`` does not change its marks; each mark carries a secret that the
notebook does not know, so that a printed card is none. This stops accidents and simple tricks. It
cannot stop all: the copy lives in the same process as the notebook.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

NAME = "infinite_width.exercises"
MARK = "application/vnd.infinite-width.mark+json"


def seal(module: ModuleType, secret: str) -> None:
    """Let a module's `check` show what it always shows, and a mark with the secret."""
    # A copy under another name has its own list of answers and its own functions.
    spec = importlib.util.spec_from_file_location(f"{NAME}_of_the_grader", module.__file__)
    copy = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = copy  # dataclasses look their module up
    spec.loader.exec_module(copy)
    del sys.modules[spec.name]
    grade, display = copy.grade, copy.display

    def check(id, answer, **options):
        result = grade(id, answer, **options)
        display(result)
        display({MARK: {"id": id, "state": result.state, "secret": secret}}, raw=True)

    check.__doc__ = module.check.__doc__
    module.check = check


class Finder:
    """Seals the checker whenever the notebook imports it, also when it does so again."""

    def __init__(self, secret: str) -> None:
        """Keep the secret that goes with each mark."""
        self.secret = secret

    def find_spec(self, name: str, path, target=None) -> ModuleSpec | None:
        """Find the checker as Python does, and seal it once it is executed."""
        spec = PathFinder.find_spec(name, path) if name == NAME else None
        if spec is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                seal(module, self.secret)

            spec.loader.exec_module = exec_module
        return spec


def install(secret: str) -> None:
    """Seal the checker in this kernel; `secret` names a file, which is deleted."""
    path = Path(secret)
    sys.meta_path.insert(0, Finder(path.read_text("utf-8")))
    path.unlink()
