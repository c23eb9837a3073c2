"""Results of a run in pieces, put together without compiling anything.

JAX compiles a program for each shape that it indexes or joins; NumPy does not. Under a
transformation, and for keys, which NumPy does not know, it is JAX's turn all the same.
"""

import jax
import jax.numpy as jnp
import numpy as np


def on_host(leaf):
    """The array as NumPy's, unless it is traced or made of keys."""
    keep = isinstance(leaf, jax.core.Tracer) or jnp.issubdtype(leaf.dtype, jax.dtypes.extended)
    return leaf if keep else np.asarray(leaf)


def joined(leaves, length=None):
    """The first `length` entries of arrays joined along their first axis."""
    leaves = [on_host(leaf) for leaf in leaves]
    join = np if all(isinstance(leaf, np.ndarray) for leaf in leaves) else jnp
    return jnp.asarray(join.concatenate(leaves)[:length])
