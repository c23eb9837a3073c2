"""Kernels of wide fully connected networks: in closed form, and measured on a finite network.

Closed forms compute in the precision of their input under JAX's settings. Use float64 for
kernel matrices that are inverted later (``jax.config.update("jax_enable_x64", True)``).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PyTree, Real

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
    x1: Real[ArrayLike, "n1 d"],
    x2: Real[ArrayLike, "n2 d"] | None = None,
    *,
    depth: int,
    activation: Activation = RELU,
    weight_variance: Real[ArrayLike, ""] = 2.0,
    bias_variance: Real[ArrayLike, ""] = 0.0,
) -> Kernels:
    """NNGP and neural tangent kernel of an infinitely wide fully connected network.

    With s = `weight_variance` and b = `bias_variance`, and (u, v) ~ N(0, K^l):

        K^1 = s x.x'/d + b,             Theta^1 = K^1,
        K^{l+1} = b + s E[phi(u) phi(v)],
        Theta^{l+1} = K^{l+1} + s Theta^l E[phi'(u) phi'(v)].

    The result is (K^{depth+1}, Theta^{depth+1}). Memory is a few times that of the result.
    Errors are those of rounding x.x' to the precision in use: inputs that coincide, or are
    opposite, up to that rounding get the angle 0, or pi, exactly. Derivatives exist in both
    modes in inputs and variances; where mathematics has none, `activations.RELU` says what is
    taken instead.

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
            is not an integer >= 0, `activation` is not an `Activation`, or a variance is
            negative or not finite.

    Example:
        >>> import jax.numpy as jnp
        >>> from infinite_width.kernels import mlp_kernels
        >>> x = jnp.array([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0]])
        >>> [round(float(k), 4) for k in mlp_kernels(x, depth=1).ntk[0]]
        [8.0, 1.2732, 0.0]

    Source: Lee et al. (2018), equations 4-5, for K; Jacot et al. (2018), theorem 1, for Theta.
    """
    symmetric = x2 is None
    x1, x2 = _validate.pair(x1, x2)
    _validate.at_least("depth", depth, 0, integer=True)
    _validate.activation(activation)
    _validate.at_least("weight_variance", weight_variance, 0.0)
    _validate.at_least("bias_variance", bias_variance, 0.0)
    return _mlp_kernels(
        x1, x2, weight_variance, bias_variance, symmetric, depth, activation
    )


@partial(jax.jit, static_argnames=("symmetric", "depth", "activation"))
def _mlp_kernels(x1, x2, weight_variance, bias_variance, symmetric, depth, activation):
    scale = weight_variance / x1.shape[1]
    # Highest: accelerators would round the inputs to ten bits, and angles to 0.02.
    product = jnp.dot(x1, x2.T, precision=jax.lax.Precision.HIGHEST)
    nngp = scale * product + bias_variance
    # The norms of a symmetric kernel are its own diagonal, to the last bit.
    norms = [jnp.diagonal(product)] if symmetric else [(x**2).sum(1) for x in (x1, x2)]
    variances = [scale * norm + bias_variance for norm in norms]

    def layer(_, carry):
        nngp, rest, variances = carry
        dual, slope = activation.averages(variances[0][:, None], variances[-1][None, :], nngp)
        # Theta - K is carried, not Theta, or XLA would compute the new K twice, for each result.
        rest = weight_variance * (rest + nngp) * slope
        nngp = weight_variance * dual + bias_variance
        variances = [weight_variance * activation.dual(q, q, q) + bias_variance
                     for q in variances]
        return nngp, rest, variances

    # One compiled layer for any depth.
    start = nngp, jnp.zeros_like(nngp), variances
    nngp, rest, _ = jax.lax.fori_loop(0, depth, layer, start)
    return Kernels(nngp, nngp + rest)


def empirical_ntk(
    apply: Callable[[PyTree, Float[Array, "n d"]], Float[Array, "n outputs"]],
    params: PyTree,
    x1: Real[ArrayLike, "n1 d"],
    x2: Real[ArrayLike, "n2 d"] | None = None,
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

    For an `MLP`, `MLP.tangent_kernel` is faster. Here each column is a product with a vector:
    the gradient at x2_j, pushed forward to all of x1. Memory is one copy of the parameters for
    each output, beside the result.

    Source: Jacot et al. (2018), section 4; Novak et al. (2022), section 3.2.
    """
    x1, x2 = _validate.pair(x1, x2)
    if not by_layer:
        return _empirical_ntk(apply, params, x1, x2)
    return jnp.stack([_empirical_ntk(apply, params, x1, x2, layer) for layer in range(len(params))])


@partial(jax.jit, static_argnames=("apply", "layer"))
def _empirical_ntk(apply, params, x1, x2, layer=None):
    """Return the kernel, or one layer's share of it."""
    def network(free, x):
        return apply(free if layer is None else [*params[:layer], free, *params[layer + 1 :]], x)

    free = params if layer is None else params[layer]

    def column(x):
        output, pull = jax.vjp(lambda p: network(p, x[None])[0], free)
        directions = jnp.eye(len(output), dtype=output.dtype)
        gradients = jax.vmap(lambda direction: pull(direction)[0])(directions)

        def push(gradient):
            return jax.jvp(lambda p: network(p, x1), (free,), (gradient,))[1]

        return jax.vmap(push, out_axes=-1)(gradients)  # [n1, outputs, outputs]

    ntk = jnp.moveaxis(jax.lax.map(column, x2), 0, 1)
    return ntk[..., 0, 0] if ntk.shape[-1] == 1 else ntk
