"""The library neural-tangents 0.6.5, made to work on today's JAX.

Write ::

    from infinite_width.neural_tangents import nt, stax

where its own documentation says ``import neural_tangents as nt`` and
``from neural_tangents import stax``. Everything then works as documented there.

neural-tangents (Novak et al. 2020, https://arxiv.org/abs/1912.02803) is the reference
implementation of infinite-width kernels. 0.6.5 is its last release; its repository is
archived. It asks for names that JAX has since removed, so that it can no longer be imported,
and for TensorFlow, which only its subpackage ``experimental`` uses.

Importing this module imports neural-tangents and repairs it in place; ``infinite_width``
itself never does so. What was broken, since when, and why each repair is equivalent is
said where it is repaired: here for what stops the import, and for what breaks later in
``_neural_tangents_empirical`` and ``_neural_tangents_predict``. JAX itself is left as it was.

Good to know:

- ``nt.experimental``, the bridge to TensorFlow, is an empty stand-in.
- In float32 the diagonal of a deep kernel can lose three digits to rounding. Compare
  kernels in float64 (``JAX_ENABLE_X64=1``).
- With ``jax_threefry_partitionable`` on, the default since jax 0.5, the same key gives other
  parameters than it gave when neural-tangents was released.

Raises:
    ImportError: neural-tangents is missing, or is not 0.6.5.
"""

import importlib.metadata
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import jax

# The parts of JAX that neural-tangents imports. They are loaded here first, so that they
# never see what `_names_of_old_jax` lends to neural-tangents.
import jax.core
import jax.example_libraries.stax
import jax.experimental.ode
import jax.extend.core
import jax.extend.linear_util
import jax.interpreters.ad

from infinite_width import _neural_tangents_empirical, _neural_tangents_predict

__all__ = ["nt", "stax"]

_VERSION = "0.6.5"


def _require_version() -> None:
    """Refuse any release but the one whose repairs are known."""
    try:
        found = importlib.metadata.version("neural-tangents")
    except importlib.metadata.PackageNotFoundError:
        found = None
    if found != _VERSION:
        raise ImportError(
            f"infinite_width.neural_tangents needs neural-tangents {_VERSION}, but "
            + ("it is not installed" if found is None else f"{found} is installed")
            + f". Install it without TensorFlow: pip install --no-deps neural-tangents=={_VERSION}"
            + " frozendict"
        )


def _stand_in_for_experimental() -> None:
    """Keep TensorFlow out: `neural_tangents.experimental` would import it."""
    name = "neural_tangents.experimental"
    if name in sys.modules:
        return
    module = types.ModuleType(name, "Stand-in: the bridge to TensorFlow is not loaded.")

    def missing(attribute: str) -> None:
        raise AttributeError(
            f"{name}.{attribute}: infinite_width does not load the bridge to TensorFlow"
        )

    module.__getattr__ = missing
    sys.modules[name] = module


def _safe_map(function: Callable, *arguments: Iterable) -> list:
    """`jax.util.safe_map`: a list, from arguments of one length."""
    return [function(*values) for values in zip(*arguments, strict=True)]


def _safe_zip(*arguments: Iterable) -> list:
    """`jax.util.safe_zip`: a list, from arguments of one length."""
    return list(zip(*arguments, strict=True))


@contextmanager
def _names_of_old_jax() -> Iterator[None]:
    """Lend neural-tangents, while it is being imported, the names that JAX removed.

    - ``jax.core.{Jaxpr, JaxprEqn, Literal, Primitive, Var}``: removed in jax 0.6. The same
      classes are public in ``jax.extend.core``.
    - ``jax.interpreters.ad.zeros_like_p``: gone by jax 0.10. It is only a key in two
      tables of rules. No equation uses that primitive any more, so any new key will do.
    - ``jax.util.{safe_map, safe_zip}``: removed in jax 0.7, the module by 0.10. They are
      `map` and `zip` that return lists and insist on equal lengths.

    Names are looked up in the modules' dictionaries, because asking a module for a
    deprecated name warns.
    """
    core = {
        name: getattr(jax.extend.core, name)
        for name in ("Jaxpr", "JaxprEqn", "Literal", "Primitive", "Var")
    }
    zeros_like_p = jax.extend.core.Primitive("zeros_like")
    lent = []
    for module, names in ((jax.core, core), (jax.interpreters.ad, {"zeros_like_p": zeros_like_p})):
        for name, value in names.items():
            if name not in vars(module):
                setattr(module, name, value)
                lent.append((module, name))

    util = types.ModuleType("jax.util")
    util.safe_map, util.safe_zip = _safe_map, _safe_zip
    real_util = sys.modules.get("jax.util")
    sys.modules["jax.util"] = util
    try:
        yield
    finally:
        del sys.modules["jax.util"]
        if real_util is not None:
            sys.modules["jax.util"] = real_util
        for module, name in lent:
            delattr(module, name)


_require_version()
_stand_in_for_experimental()
with _names_of_old_jax():
    import neural_tangents as nt
    from neural_tangents import stax
_neural_tangents_empirical.apply()
_neural_tangents_predict.apply()
