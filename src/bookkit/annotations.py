"""The package's annotations, executed in the tests by beartype and jaxtyping.

A shape or a kind that an annotation promises and a call does not keep is an error there.
"""

from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

# A whole number is as good as a float, as PEP 484 has it.
executed = beartype(conf=BeartypeConf(is_pep484_tower=True))


def execute() -> None:
    """From here on, what is imported of the package checks its calls."""
    install_import_hook("infinite_width", f"{__name__}.executed")
