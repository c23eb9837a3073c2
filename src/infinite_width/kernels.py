"""Kernels of wide fully connected networks: in closed form, and measured on a finite network.

Closed forms compute in the precision of their input under JAX's settings. Use float64 for
kernel matrices that are inverted later (``jax.config.update("jax_enable_x64", True)``).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from infinite_width import _validate
from infinite_width.activations import RELU, Activation


class Kernels(NamedTuple):
    """The two kernels of an infinitely wide network, each of shape [n1, n2].

    Attributes:
        nngp: Covariance of the output over random initialisations.
        ntk: Neural tangent kernel, in the NTK parametrisation.
    """

    nngp: Float[Array, "n1 n2"]
    ntk: Float[Array, "n1 n2"]


def mlp_kernels(
    x1: Float[Array, "n1 d"],
    x2: Float[Array, "n2 d"] | None = None,
    *,
    depth: int,
    activation: Activation = RELU,
    weight_variance: float = 2.0,
    bias_variance: float = 0.0,
) -> Kernels:
    """NNGP and neural tangent kernel of an infinitely wide fully connected network.

    With s = `weight_variance` and b = `bias_variance`, and (u, v) ~ N(0, K^l):

        K^1 = s x.x'/d + b,             Theta^1 = K^1,
        K^{l+1} = b + s E[phi(u) phi(v)],
        Theta^{l+1} = K^{l+1} + s Theta^l E[phi'(u) phi'(v)].

    The result is (K^{depth+1}, Theta^{depth+1}). Memory is a few times that of the result.

    Args:
        x1: Inputs, one a row.
        x2: Other inputs; `x1` again when left out.
        depth: Number of hidden layers, 0 for a linear model.
        activation: Applied in every hidden layer.
        weight_variance: Weights are N(0, weight_variance / fan_in).
        bias_variance: Biases are N(0, bias_variance); they are trained too.

    Returns:
        Kernels of shape [n1, n2].

    Raises:
        ValueError: An input is not a finite matrix, the numbers of features differ, `depth`
            is not an integer >= 0, or a variance is negative or not finite.

    Source: Lee et al. (2018), equations 4-5, for K; Jacot et al. (2018), theorem 1, for Theta.
    """
    x1 = _validate.array("x1", x1, 2, "inputs [n1, d]")
    symmetric = x2 is None
    x2 = x1 if symmetric else _validate.array("x2", x2, 2, "inputs [n2, d]")
    if x1.shape[1] != x2.shape[1]:
        raise ValueError(
            f"x2: expected {x1.shape[1]} features, as many as x1 has; got {x2.shape[1]}"
        )
    if x1.shape[1] == 0:
        raise ValueError("x1: expected at least one feature; got shape " + str(x1.shape))
    _validate.at_least("depth", depth, 0, integer=True)
    _validate.at_least("weight_variance", weight_variance, 0.0)
    _validate.at_least("bias_variance", bias_variance, 0.0)
    return _mlp_kernels(
        x1, x2, weight_variance, bias_variance, symmetric, depth, activation
    )


@partial(jax.jit, static_argnames=("symmetric", "depth", "activation"))
def _mlp_kernels(x1, x2, weight_variance, bias_variance, symmetric, depth, activation):
    scale = weight_variance / x1.shape[1]
    nngp = scale * x1 @ x2.T + bias_variance
    ntk = nngp
    # The diagonal of a symmetric kernel must equal the norms to the last bit, or rounding
    # shows up as an angle of sqrt(machine epsilon) between an input and itself.
    if symmetric:
        q1 = q2 = jnp.diagonal(nngp)
    else:
        q1, q2 = (scale * (x**2).sum(1) + bias_variance for x in (x1, x2))

    def layer(_, carry):
        nngp, ntk, q1, q2 = carry
        pair = q1[:, None], q2[None, :], nngp
        ntk = weight_variance * ntk * activation.dual_derivative(*pair)
        nngp = weight_variance * activation.dual(*pair) + bias_variance
        if symmetric:
            q1 = q2 = jnp.diagonal(nngp)
        else:
            q1, q2 = (weight_variance * activation.dual(q, q, q) + bias_variance
                      for q in (q1, q2))
        return nngp, nngp + ntk, q1, q2

    # One compiled layer for any depth.
    nngp, ntk, *_ = jax.lax.fori_loop(0, depth, layer, (nngp, ntk, q1, q2))
    return Kernels(nngp, ntk)


def empirical_ntk(
    apply: Callable[[PyTree, Float[Array, "n d"]], Float[Array, "n outputs"]],
    params: PyTree,
    x1: Float[Array, "n1 d"],
    x2: Float[Array, "n2 d"] | None = None,
    by_layer: bool = False,
) -> Float[Array, "..."]:
    """Neural tangent kernel of a finite network with these parameters.

        Theta[i, j] = sum_p (d f(x1_i) / d p) (d f(x2_j) / d p)

    Args:
        apply: The network, (params, x[n, d]) -> [n, outputs].
        params: Its parameters; with `by_layer` a sequence with one entry a layer.
        x1: Inputs.
        x2: Other inputs; `x1` again when left out.
        by_layer: Whether to keep the layers' shares apart; they add up to the kernel.

    Returns:
        [n1, n2] for a network with one output, else [n1, n2, outputs, outputs]; with
        `by_layer` the layers come first, [layers, n1, n2] or [layers, n1, n2, outputs,
        outputs].

    Raises:
        ValueError: An input is not a finite matrix, or the numbers of features differ.

    Source: Jacot et al. (2018), section 4; computed by structured derivatives, Novak et al.
    (2022), as neural-tangents has them.
    """
    from infinite_width.neural_tangents import nt

    x1 = _validate.array("x1", x1, 2, "inputs [n1, d]")
    if x2 is not None:
        x2 = _validate.array("x2", x2, 2, "inputs [n2, d]")
        if x1.shape[1] != x2.shape[1]:
            raise ValueError(
                f"x2: expected {x1.shape[1]} features, as many as x1 has; got {x2.shape[1]}"
            )

    def kernel(function, parameters):
        ntk = nt.empirical_ntk_fn(
            lambda p, x: function(p, x),
            trace_axes=(),
            vmap_axes=0,
            implementation=nt.NtkImplementation.STRUCTURED_DERIVATIVES,
        )(x1, x2, parameters)
        return ntk[..., 0, 0] if ntk.shape[-1] == 1 else ntk

    if not by_layer:
        return kernel(lambda p, x: apply(p, x), params)

    def share(index):
        def with_layer(layer, x):
            return apply([*params[:index], layer, *params[index + 1 :]], x)

        return kernel(with_layer, params[index])

    return jnp.stack([share(index) for index in range(len(params))])
