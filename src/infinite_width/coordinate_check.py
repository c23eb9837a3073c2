"""How far training moves every layer of a network, over widths, beside what theory predicts.

A parametrisation promises how the first steps scale with the width n: entries of the
preactivations h^l move by n^{s_l}, the output by n^{s_f} (`Parametrization.first_step_exponents`).
A coordinate check trains a few steps at several widths and measures those powers. It needs no
tuning, and it finds a wrong exponent, a forgotten multiplier or a bias with the wrong learning
rate where a loss curve shows nothing. What is measured is the movement, h after the step minus
h before: the size of h itself is of order one in right and in many wrong parametrisations.

Source: Yang et al. (2022), section D.1 and figure 5.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PRNGKeyArray, Real
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infinite_width import _validate, figures
from infinite_width.measure import Estimate, loglog_slope, mean
from infinite_width.networks import MLP
from infinite_width.training import over_keys, with_learning_rates


@dataclass(frozen=True)
class CoordinateCheck:
    """What a coordinate check measured; as text, a table of slopes after the first step.

    Attributes:
        widths: The widths n.
        movement: Root mean square over inputs and units of h after a number of steps minus h
            before the first, for h^1 .. h^depth and f.
        slopes: Exponents of the movement in n, with their standard errors over seeds, one row a
            step and one column a layer.
        predicted: Exponents of the first step by theory, one a layer.
    """

    widths: Int[np.ndarray, " widths"]
    movement: Float[np.ndarray, "seeds steps widths layers"]
    slopes: Estimate
    predicted: Float[np.ndarray, " layers"]

    @property
    def layers(self) -> list[str]:
        """Names of the layers, for tables and legends."""
        return [f"$h^{{{layer}}}$" for layer in range(1, len(self.predicted))] + ["$f$"]

    def __str__(self):
        rows = zip(self.layers, *self.slopes[0], self.predicted, strict=True)
        return "\n".join(["layer   slope            predicted"] + [
            f"{name.strip('$').replace('{', '').replace('}', ''):<7} {slope:+.3f} ± {error:.3f}"
            f"   {theory:+.3g}" for name, slope, error, theory in rows])

    def plot(self, axis: Axes | None = None, step: int = 1) -> Figure:
        """Draw the movement after `step` steps, relative to the smallest width.

        Marks are geometric means over seeds with bars of two standard errors. Black lines are
        what theory predicts for the first step; nothing in them is fitted.

        Args:
            axis: Where to draw; on a new figure when left out.
            step: Which step, from 1.

        Raises:
            ValueError: `step` is not one of those measured.
        """
        if not 1 <= step <= self.movement.shape[1]:
            raise ValueError(f"step: expected 1 to {self.movement.shape[1]}; got {step}")
        if axis is None:
            axis = Figure(figsize=(5.2, 3.8), layout="constrained").subplots()
        smallest, logs = self.widths.min(), np.log(self.movement[:, step - 1])
        first = int(self.widths.argmin())
        for layer, name in enumerate(self.layers):
            relative = mean(logs[..., layer] - logs[:, first, layer].mean(), axis=0)
            height = np.exp(relative.value)
            axis.errorbar(self.widths, height, 2 * relative.error * height,
                          fmt="osD^vP*X"[layer % 8], mfc="none", label=name,
                          color=figures.ACCENTS[layer % len(figures.ACCENTS)])
        for exponent in sorted(set(self.predicted)):
            axis.plot(self.widths, (self.widths / smallest) ** exponent, color=figures.THEORY,
                      lw=1, zorder=1, label="_theory")
        label = "movement in the first step" if step == 1 else f"movement in {step} steps"
        axis.set(xscale="log", yscale="log", xlabel="width n",
                 ylabel=f"{label},\nrelative to width {smallest}")
        axis.set_xticks(self.widths, [str(width) for width in self.widths])
        axis.minorticks_off()
        axis.legend()
        return axis.figure


def _half_squares(output, y):
    return 0.5 * jnp.sum((output - y) ** 2)


def coordinate_check(
    network: MLP,
    key: PRNGKeyArray,
    x: Real[ArrayLike, "n d"],
    y: Sequence[float] | Real[ArrayLike, " n"] | Real[ArrayLike, "n outputs"],
    *,
    widths: Sequence[SupportsIndex] | Int[ArrayLike, " widths"],
    optimizer: str,
    learning_rate: float,
    steps: int = 1,
    seeds: int = 10,
    loss: Callable[[Array, Array], Array] = _half_squares,
) -> CoordinateCheck:
    """Measure how far a few steps of training move every layer, at several widths.

    Args:
        network: The architecture and its parametrisation; its own width is not used.
        key: Randomness; all networks are drawn independently.
        x: Inputs of the one batch that all steps take.
        y: Targets, [n, outputs], or [n] for one output.
        widths: At least three different widths.
        optimizer: "sgd" or "adam". Adam takes so small an epsilon that its first step is the
            gradient's sign, as theory has it.
        learning_rate: At the network's base width; `MLP.learning_rates` does the rest. The powers
            hold for small steps, that is, where no layer moves by more than it is large.
        steps: Number of steps; movements are recorded after each.
        seeds: Number of networks at each width.
        loss: (outputs [n, outputs], targets [n, outputs]) -> number. By default half the sum of
            squares. ``lambda f, y: -jnp.sum(f * y)`` keeps the residual at -y, so that the
            outputs at the start, which have their own dependence on the width, add no scatter.

    Raises:
        ValueError: Shapes do not fit; fewer than 3 widths or 2 seeds, or numbers that are not
            integers >= 1; an unknown optimiser; movements that overflow, or drown in rounding.

    Example:
        >>> import jax
        >>> from infinite_width.coordinate_check import coordinate_check
        >>> from infinite_width.networks import MLP
        >>> from infinite_width.parametrizations import MUP
        >>> x = jax.random.normal(jax.random.key(1), (4, 8))
        >>> check = coordinate_check(MLP(64, 2, parametrization=MUP, base_width=64),
        ...                          jax.random.key(0), x, [1, -1, 1, -1], widths=[64, 128, 256],
        ...                          optimizer="adam", learning_rate=1e-3, seeds=4)
        >>> check.predicted.tolist()
        [0.0, 0.0, 0.0]
        >>> check.movement.shape, check.slopes.value.shape
        ((4, 1, 3, 3), (1, 3))
        >>> bool(abs(check.slopes.value).max() < 0.3)
        True
        >>> figure = check.plot()
    """
    x = _validate.array("x", x, 2, "inputs [n, d]").astype(network.dtype)
    y = jnp.asarray(y, network.dtype)
    if y.ndim not in (1, 2) or len(y) != len(x):
        raise ValueError(f"y: expected one target for each of {len(x)} inputs; got shape {y.shape}")
    y, widths = y.reshape(len(y), -1), np.asarray(widths)
    if widths.ndim != 1 or len(set(widths.tolist())) < 3:
        raise ValueError(f"widths: expected at least 3 different widths; got {widths}")
    _validate.at_least("steps", steps, 1, integer=True)
    _validate.at_least("seeds", seeds, 2, integer=True)
    predicted = network.parametrization.first_step_exponents(network.depth, optimizer)
    measured = []
    for width in widths.tolist():
        one = partial(_movement, replace(network, width=width), x, y, optimizer,
                      learning_rate, steps, loss)
        keys = jax.random.split(jax.random.fold_in(key, width), seeds)
        moved, size = (np.asarray(a, float) for a in over_keys(one, keys))
        _check_size(moved, size, width, network.dtype)
        measured.append(moved)
    movement = np.stack(measured, 2)
    slopes = [[loglog_slope(widths, movement[:, step, :, layer])
               for layer in range(len(predicted))] for step in range(steps)]
    values, errors = np.moveaxis(np.array([[tuple(s) for s in row] for row in slopes]), -1, 0)
    return CoordinateCheck(widths, movement, Estimate(values, errors), np.array(predicted))


def _movement(network, x, y, optimizer, learning_rate, steps, loss, key):
    """Root mean squares of the movement [steps, layers] and of where it starts [layers]."""
    # Adam's epsilon has to be small beside gradients, and those of wide layers are tiny.
    rule = optax.sgd(1.0) if optimizer == "sgd" else optax.adam(1.0, eps=1e-15)
    rule = with_learning_rates(rule, network.learning_rates(learning_rate, optimizer))
    start = network.init(key, x.shape[1], y.shape[1])
    before = network.preactivations(start, x)

    def step(state, _):
        params, memory = state
        gradient = jax.grad(lambda params: loss(network.apply(params, x), y))(params)
        updates, memory = rule.update(gradient, memory, params)
        params = optax.apply_updates(params, updates)
        after = network.preactivations(params, x)
        return (params, memory), jnp.stack([
            jnp.sqrt(jnp.mean((new - old) ** 2)) for new, old in zip(after, before, strict=True)])

    _, moved = jax.lax.scan(step, (start, rule.init(start)), length=steps)
    return moved, jnp.stack([jnp.sqrt(jnp.mean(h**2)) for h in before])


def _check_size(moved, size, width, dtype):
    if not np.isfinite(moved).all():
        raise ValueError(f"learning_rate: expected steps that do not overflow; got movements that "
                         f"are infinite or NaN at width {width}")
    # A difference of two numbers of this size is known to about one unit of rounding.
    rounding = float(jnp.finfo(dtype).eps) * size[:, None]
    if (moved < 30 * rounding).any():
        ratio = float((moved / size[:, None]).min())
        raise ValueError(
            f"learning_rate: expected movements far above the rounding of {np.dtype(dtype)}; got "
            f"{ratio:.1g} of a layer's size at width {width}: take a larger one, or dtype float64")
