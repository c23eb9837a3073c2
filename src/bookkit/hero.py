"""Draw the picture of the landing page: ``python -m bookkit hero``.

Random networks with one hidden layer, narrow to wide, and the Gaussian process that they
become; everything from the book's own package.
"""

import jax
import jax.numpy as jnp
import matplotlib as mpl
import matplotlib.pyplot as plt
from jax import random

from bookkit.chapters import BOOK
from infinite_width import figures
from infinite_width.activations import ERF
from infinite_width.gaussian_process import posterior, sample
from infinite_width.kernels import mlp_kernels
from infinite_width.networks import MLP

STATIC = BOOK / "_static"


def main():
    """Write book/_static/hero.png."""
    mpl.use("agg")
    jax.config.update("jax_enable_x64", True)
    figures.setup()
    options = dict(activation=ERF, weight_variance=12.0, bias_variance=2.0)
    line = jnp.linspace(-3, 3, 241)[:, None]
    kernel = mlp_kernels(line, depth=1, **options).nngp
    deviation = jnp.sqrt(jnp.diagonal(kernel))
    widths = [2, 16, 256]
    colors = [*figures.width_colors([*widths, 2048]).values()]
    figure, axes = plt.subplots(1, 5, figsize=(11, 2.5), sharey=True)
    for axis, width, color in zip(axes, widths, colors, strict=False):
        network = MLP(width, 1, **options)
        for key in random.split(random.key(width), 10):
            params = network.init(key, 1)
            axis.plot(line, network.apply(params, line)[:, 0], color=color, lw=1, alpha=0.7)
        axis.set_title(f"{width} hidden units")
    axes[3].plot(line, sample(random.key(0), kernel, 10).T, color=colors[3], lw=1, alpha=0.7)
    axes[3].set_title("infinitely many")
    x_train = jnp.array([-2.2, -1.2, 0.2, 1.0, 2.3])[:, None]
    y_train = jnp.array([2.0, -3.0, -1.0, 3.5, 1.0])
    cross = mlp_kernels(line, x_train, depth=1, **options).nngp
    gram = mlp_kernels(x_train, depth=1, **options).nngp
    belief = posterior(gram, cross, kernel, y_train, 0.01)
    low, high = (belief.mean + s * belief.standard_deviation for s in (-2, 2))
    axes[4].fill_between(line[:, 0], low, high, color=colors[3], alpha=0.15, lw=0)
    draws = sample(random.key(1), belief.covariance, 10, belief.mean)
    axes[4].plot(line, draws.T, color=colors[3], lw=1, alpha=0.5)
    axes[4].plot(line, belief.mean, color="black", lw=2)
    axes[4].plot(x_train, y_train, "o", color="black", ms=5)
    axes[4].set_title("after five examples")
    for axis in axes:
        axis.plot(line, 2 * deviation, color="black", lw=0.8, ls=":")
        axis.plot(line, -2 * deviation, color="black", lw=0.8, ls=":")
        axis.set(xticks=[], yticks=[], ylim=(-11, 11))
        for spine in axis.spines.values():
            spine.set_visible(False)
        axis.grid(False)
    figure.savefig(STATIC / "hero.png", dpi=160, metadata={"Software": None})
