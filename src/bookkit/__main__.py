"""``python -m bookkit COMMAND …``: the entries behind the ``make`` targets."""

import importlib
import sys

COMMANDS = {
    "bench": "compare the speed of kernels, ensembles and tangent kernels with what else there is",
    "book": "build the website and the editions",
    "changes": "try the changes that chapters propose to readers",
    "colab": "run the Colab edition of chapters with the versions that Colab has",
    "colab_versions": "compare the versions that we take for Colab's with those that it publishes",
    "execute": "run chapters in place and store their outputs",
    "first_cell": "write the cell that installs the package into chapters",
    "grading": "run the notebooks that students hand in and mark their exercises",
    "hero": "draw the picture of the landing page",
    "lab": "open a chapter in JupyterLab",
    "machines": "imitate other processors and list what differs there",
    "notebook_text": "show notebooks as text, and merge them, for git",
    "reading_time": "write how long chapters take to read into their headers",
    "repository": "set the repository's address everywhere",
    "reseed": "run chapters under other seeds and list how often each claim held",
    "rules": "say which rules of style and storage the chapters break",
    "sabotage": "break chapters on purpose and list which claims fail",
    "screenshots": "photograph built pages",
    "suite": "run the tests, those of minutes or all",
}


def main(arguments: list[str]) -> int:
    """Hand the arguments to the command's own module; its exit code."""
    if not arguments or arguments[0] not in COMMANDS:
        lines = [f"  {name:15} {text}" for name, text in COMMANDS.items()]
        print("\n".join(["python -m bookkit COMMAND …", "", *lines]))
        return 2 if arguments else 0
    module = importlib.import_module(f"bookkit.{arguments[0]}")
    sys.argv = [f"bookkit {arguments[0]}", *arguments[1:]]
    return module.main() or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
