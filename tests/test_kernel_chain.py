"""Claims about narrow networks whose numbers are those of the Markov chain of kernels."""

import numpy as np
import pytest

from infinite_width import claims


def chain(degrees, width, depth, count):
    """Kernels of two inputs after `depth` ReLU layers, drawn without a weight: [3, count]."""
    rng = np.random.default_rng(5)
    a, b, c = np.ones(count), np.full(count, np.cos(np.deg2rad(degrees))), np.ones(count)
    for _ in range(depth):
        root = np.sqrt(a)
        slope = np.divide(b, root, out=np.zeros(count), where=root > 0)
        rest = np.sqrt(np.maximum(c - slope**2, 0))
        z1, z2 = rng.standard_normal((2, count, width))
        u = np.maximum(root[:, None] * z1, 0)
        v = np.maximum(slope[:, None] * z1 + rest[:, None] * z2, 0)
        a, b, c = (2 / width * (s * t).sum(1) for s, t in ((u, u), (u, v), (v, v)))
    return a, b, c


@pytest.mark.parametrize("degrees, cosine, covariance", [
    (90, "cosine-above-recursion", "mean-kernel-shift"), (10, "cosine-below-recursion", None),
])
def test_predictions_are_those_of_the_chain(degrees, cosine, covariance):
    a, b, c = chain(degrees, 8, 4, 200_000)
    lengths, variance = np.sqrt(a * c), (a + c) / 2
    cosines = b[lengths > 0] / lengths[lengths > 0]
    ratio = b.mean() / variance.mean()  # as the chapter measures it
    for id, value, scatter in ((cosine, cosines.mean(), cosines),
                               (covariance, ratio, b - ratio * variance)):
        if id is not None:
            error = scatter.std() / len(scatter) ** 0.5
            assert abs(value - claims.load()[id].predicted) < 4 * error
            assert abs(value - claims.load()[id].rival_value) > 6 * error
