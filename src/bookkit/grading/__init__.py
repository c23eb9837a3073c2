"""Run the notebooks that a class hands in, and list which exercises pass.

    python -m bookkit grading FOLDER [--chapter NAME] [--csv FILE] [--jobs N] [--timeout SECONDS]

`submissions` finds the notebooks, `catalogue` knows which exercises each chapter has, `process`
runs a notebook in a process of its own behind a `sandbox`, where `worker` executes it and
`checker` marks its answers, `report` writes the tables, and `batch` does all that for a class.
"""


def main() -> int:
    """Grade the folder that the command line names; 0 whatever the marks are."""
    # The worker and the kernel import this package too, and need nothing of the rest.
    from bookkit.grading.batch import main as grade

    return grade()
