"""Finite fully connected networks, in any parametrisation.

A network of `depth` hidden layers of `width` n computes

    h^1 = W^1 x + B^1,   h^{l+1} = W^{l+1} phi(h^l) + B^{l+1},   f = h^{depth+1}.

With the ratio m = width / base_width, and the exponents a, b, c that its parametrisation
gives each layer (see `infinite_width.parametrizations`),

    W = sigma m^{-a} w,   w ~ N(0, m^{-2b}),   learning rate eta m^{-c},
    sigma = sqrt(weight_variance / d) for the first layer, sqrt(weight_variance / base_width)
    for the others, sqrt(bias_variance) for biases.

So at the base width all parametrisations are the same network with the same learning rates;
they part ways from there, as in muTransfer (Yang et al., 2022). For `NTK` the base width
cancels under SGD: W = sqrt(weight_variance / n) w, w ~ N(0, 1), at every width, which is what
`infinite_width.kernels.mlp_kernels` is the limit of.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray, Real

from infinite_width import _validate
from infinite_width.activations import RELU, Activation
from infinite_width.parametrizations import NTK, Parametrization
from infinite_width.tangent_kernel import mlp_tangent_kernel

Params = list[dict[str, Float[Array, "..."]]]


@dataclass(frozen=True)
class MLP:
    """A fully connected network: its architecture, not its parameters.

    Attributes:
        width: Units n in every hidden layer.
        depth: Number of hidden layers.
        activation: Applied in every hidden layer.
        parametrization: Exponents of every layer.
        weight_variance: Variance of W times fan-in, at the base width.
        bias_variance: Variance of the biases; with 0 there are none.
        base_width: Width at which all parametrisations agree. 1 means plain powers of n.
        orthogonal: Whether hidden-to-hidden weights are drawn as sqrt(n) times a Haar
            orthogonal matrix, whose entries have the variance of Gaussian ones.
        unit_multiplier: Whether the constant sigma sits in the initial weights, as frameworks
            have it, and not in front of them: W = m^{-a} w, w ~ N(0, sigma^2 m^{-2b}). The
            random function is the same; the same eta trains it differently, for the learning
            rate of W is then free of sigma^2 (SGD) or sigma (Adam).
        dtype: Of the parameters, and of what is computed from them.

    Raises:
        ValueError: A size is not an integer >= 1, `activation` is not an `Activation`, a
            variance is negative or not finite, or the parametrisation is for one hidden layer
            and `depth` is larger.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from infinite_width.networks import MLP
        >>> network = MLP(width=64, depth=2)
        >>> params = network.init(jax.random.key(0), d_in=3, d_out=2)
        >>> network.apply(params, jnp.ones((5, 3))).shape
        (5, 2)
    """

    width: int | np.integer
    depth: int | np.integer
    activation: Activation = RELU
    parametrization: Parametrization = NTK
    weight_variance: float = 2.0
    bias_variance: float = 0.0
    base_width: int | np.integer = 1
    orthogonal: bool = False
    unit_multiplier: bool = False
    dtype: DTypeLike = jnp.float32

    def __post_init__(self):
        """Check the fields."""
        self.parametrization.check_depth(self.depth)
        for name in ("width", "base_width"):
            _validate.at_least(name, getattr(self, name), 1, integer=True)
        _validate.activation(self.activation)
        for name in ("weight_variance", "bias_variance"):
            _validate.at_least(name, getattr(self, name), 0.0)

    def init(self, key: PRNGKeyArray, d_in: int, d_out: int = 1) -> Params:
        """Draw parameters for inputs of dimension `d_in`.

        Returns:
            A list over the depth + 1 layers, each a dictionary with "weight", of shape
            [fan_in, fan_out], and "bias", of shape [fan_out]. There is no "bias" if
            `bias_variance` is 0.

        Raises:
            ValueError: `d_in` or `d_out` is not an integer >= 1.

        Example:
            >>> import jax
            >>> from infinite_width.networks import MLP
            >>> params = MLP(width=64, depth=2, bias_variance=0.1).init(jax.random.key(0), d_in=3)
            >>> [layer["weight"].shape for layer in params]
            [(3, 64), (64, 64), (64, 1)]
            >>> params[-1]["bias"].shape
            (1,)

        Source: Saxe et al. (2014) for orthogonal weights; Mezzadri (2007) for drawing them.
        """
        _validate.at_least("d_in", d_in, 1, integer=True)
        _validate.at_least("d_out", d_out, 1, integer=True)
        units = [d_in, *[self.width] * self.depth, d_out]
        shapes = list(zip(units[:-1], units[1:], strict=True))
        # One draw for all layers compiles in a third of the time of a draw for each.
        sizes = [math.prod(shape) for shape in shapes]
        if self.bias_variance > 0:
            sizes += [shape[1] for shape in shapes]
        normal = jax.random.normal(key, (sum(sizes),), self.dtype)
        pieces = jnp.split(normal, np.cumsum(sizes)[:-1])
        params = []
        for layer, shape in enumerate(shapes):
            entry = {"weight": pieces[layer].reshape(shape)}
            if self.orthogonal and self._role(layer, "weight") == "hidden":
                entry["weight"] = _orthogonal(entry["weight"])
            if self.bias_variance > 0:
                entry["bias"] = pieces[self.depth + 1 + layer]
            params.append({
                kind: value * self._scale(layer, kind, d_in, initial=True)
                for kind, value in entry.items()
            })
        return params

    def apply(
        self, params: Params, x: Real[ArrayLike, "*batch d_in"]
    ) -> Float[Array, "*batch d_out"]:
        """Return the network's output, [..., d_out] for inputs [..., d_in]."""
        return self.preactivations(params, x)[-1]

    def preactivations(
        self, params: Params, x: Real[ArrayLike, "*batch d_in"]
    ) -> list[Float[Array, "*batch _"]]:
        """Return [h^1, ..., h^depth, f].

        Raises:
            ValueError: `params` has not depth + 1 layers, or the last axis of `x` does not
                have the first layer's fan-in.
        """
        if len(params) != self.depth + 1:
            raise ValueError(f"params: expected {self.depth + 1} layers; got {len(params)}")
        d_in = params[0]["weight"].shape[0]
        x = jnp.asarray(x, params[0]["weight"].dtype)
        if x.ndim == 0 or x.shape[-1] != d_in:
            raise ValueError(f"x: expected inputs [..., {d_in}]; got shape {x.shape}")
        result = []
        for layer, entry in enumerate(params):
            h = (x @ entry["weight"]) * self._scale(layer, "weight", d_in)
            if "bias" in entry:
                h = h + entry["bias"] * self._scale(layer, "bias", d_in)
            result.append(h)
            x = self.activation.phi(h)
        return result

    def tangent_kernel(
        self,
        params: Params,
        x1: Real[ArrayLike, "n1 d_in"],
        x2: Real[ArrayLike, "n2 d_in"] | None = None,
        *,
        by_layer: bool = False,
    ) -> Float[Array, "..."]:
        """Neural tangent kernel of the network with these parameters.

            Theta[i, j] = sum_p (d f(x1_i) / d p) (d f(x2_j) / d p)

        Args:
            params: As `init` draws them; derivatives are in these, the w of the equations.
            x1: Inputs.
            x2: Other inputs; `x1` again when left out.
            by_layer: Whether to keep the layers' shares apart; they add up to the kernel.

        Returns:
            [n1, n2] for one output, else [n1, n2, outputs, outputs]; with `by_layer` the
            layers come first.

        Raises:
            ValueError: An input is not a finite matrix, numbers of features differ, or
                `params` has not depth + 1 layers.

        Source: the formula is in `infinite_width.tangent_kernel`.
        """
        return mlp_tangent_kernel(self, params, x1, x2, by_layer=by_layer)

    def learning_rates(
        self, base: Real[ArrayLike, ""], optimizer: str
    ) -> list[dict[str, Real[ArrayLike, ""]]]:
        """Return eta m^{-c} for each parameter, shaped like the list that `init` returns.

        Args:
            base: eta, the learning rate at the base width.
            optimizer: "sgd" or "adam": the exponents c are not the same.

        Raises:
            ValueError: The optimiser is neither.

        Example:
            >>> from infinite_width.networks import MLP
            >>> from infinite_width.parametrizations import MUP
            >>> network = MLP(width=256, depth=2, parametrization=MUP, base_width=64)
            >>> [layer["weight"] for layer in network.learning_rates(0.01, "adam")]
            [0.005, 0.0025, 0.005]
        """
        c = self.parametrization.learning_rate_exponents(optimizer)
        kinds = ("weight", "bias") if self.bias_variance > 0 else ("weight",)
        return [
            {kind: base * self._power(getattr(c, self._role(layer, kind))) for kind in kinds}
            for layer in range(self.depth + 1)
        ]

    def _role(self, layer: int, kind: str) -> str:
        if layer == self.depth:
            return "output" if kind == "weight" else "bias"
        # A hidden unit's bias is a weight from a constant input: fan-in 1, like the first layer.
        return "input" if layer == 0 or kind == "bias" else "hidden"

    def _power(self, exponent: float) -> float:
        return (self.width / self.base_width) ** -exponent

    def _scale(self, layer: int, kind: str, d_in: int, initial: bool = False) -> float:
        """Return the factor of w in W, or with `initial` the standard deviation of w."""
        fan_in = d_in if layer == 0 else self.base_width
        sigma = math.sqrt(self.weight_variance / fan_in if kind == "weight"
                          else self.bias_variance)
        exponents = self.parametrization.b if initial else self.parametrization.a
        power = self._power(getattr(exponents, self._role(layer, kind)))
        return power * sigma if initial == self.unit_multiplier else power


def _orthogonal(gaussian):
    """Return sqrt(n) Q with Q from the Haar measure on the orthogonal group."""
    dtype = gaussian.dtype
    q, r = jnp.linalg.qr(gaussian.astype(jnp.promote_types(dtype, jnp.float32)))
    # QR fixes signs by convention; without this step Q is not uniformly distributed.
    return (math.sqrt(len(q)) * q * jnp.sign(jnp.diagonal(r))).astype(dtype)
