"""The coordinate check against steps by hand, and against the derived powers of the width."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose

from infinite_width.activations import TANH
from infinite_width.coordinate_check import coordinate_check
from infinite_width.networks import MLP
from infinite_width.parametrizations import MEAN_FIELD, MUP, NTK, STANDARD, richness

KEY = jax.random.key(5)
X = np.random.default_rng(2).normal(size=(4, 8))
Y = [1, -1, 1, -1]


def linear_loss(output, y):
    return -jnp.sum(output * y)  # keeps the residual at -y, at every width


def check(parametrization, optimizer, learning_rate, depth=2, **options):
    network = MLP(64, depth, TANH, parametrization, weight_variance=1.0)
    options = {"widths": [64, 128, 256], "seeds": 16, "loss": linear_loss} | options
    return coordinate_check(network, KEY, X, Y, optimizer=optimizer, learning_rate=learning_rate,
                            **options)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_movements_are_those_of_steps_by_hand(optimizer):
    rate, steps, width, seeds = 0.3, 3, 5, 2
    network = MLP(64, 1, TANH, STANDARD, weight_variance=1.0)
    found = coordinate_check(network, KEY, X, Y, widths=[width, 7, 9], optimizer=optimizer,
                             learning_rate=rate, steps=steps, seeds=seeds).movement[:, :, 0]
    for seed, key in enumerate(jax.random.split(jax.random.fold_in(KEY, width), seeds)):
        params = MLP(width, 1, TANH, STANDARD, weight_variance=1.0).init(key, 8)
        w, v = (np.asarray(layer["weight"], float) for layer in params)
        scale = np.sqrt(1 / 8)  # W = w sqrt(1 / d), V = v at base width 1
        first, second = ([np.zeros_like(w), np.zeros_like(v)] for _ in range(2))
        start = X @ w * scale, np.tanh(X @ w * scale) @ v
        for step in range(1, steps + 1):
            h = X @ w * scale
            residual = np.tanh(h) @ v - np.array(Y)[:, None]
            gradient = [scale * X.T @ (residual @ v.T / np.cosh(h) ** 2), np.tanh(h).T @ residual]
            if optimizer == "adam":
                first = [0.9 * m + 0.1 * g for m, g in zip(first, gradient)]
                second = [0.999 * s + 0.001 * g**2 for s, g in zip(second, gradient)]
                gradient = [m / (1 - 0.9**step) / np.sqrt(s / (1 - 0.999**step))
                            for m, s in zip(first, second)]
            w, v = w - rate * gradient[0], v - rate * gradient[1]
            end = X @ w * scale, np.tanh(X @ w * scale) @ v
            expected = [np.sqrt(((b - a) ** 2).mean()) for a, b in zip(start, end)]
            # Single precision, at movements of order one.
            assert_allclose(found[seed, step - 1], expected, rtol=1e-4, atol=1e-6)


# Learning rates for which no layer moves by more than a tenth of its size. Corrections to a power
# law are of order 1/64 and bias a slope by less than 0.1; four standard errors are added.
@pytest.mark.slow
@pytest.mark.parametrize("parametrization, optimizer, learning_rate, slopes", [
    (STANDARD, "sgd", 1e-3, (-0.5, 0.5, 1)),
    (NTK, "sgd", 0.1, (-0.5, -0.5, 0)),
    (richness(0.25), "sgd", 0.1, (-0.25, -0.25, 0)),
    (MUP, "sgd", 0.03, (0, 0, 0)),
    (STANDARD, "adam", 1e-4, (0, 1, 1.5)),
])  # muP with Adam: below
def test_slopes_are_the_derived_ones(parametrization, optimizer, learning_rate, slopes):
    found = check(parametrization, optimizer, learning_rate)
    assert found.predicted.tolist() == list(slopes)
    value, error = found.slopes[0]
    assert (error < 0.06).all()
    assert (np.abs(value - slopes) < 0.1 + 4 * error).all()


@pytest.mark.slow
def test_a_forgotten_exponent_shows_in_its_layer():
    # muP, but with one Adam learning rate for all layers: W^1 = n^{1/2} w^1 and W^2 = w^2 move
    # too far, by n^{1/2} and by n, and f = n^{-1/2} ... by n.
    wrong = check(MUP.with_learning_rate(0), "adam", 1e-4)
    value, error = wrong.slopes[0]
    excess = value - MUP.first_step_exponents(2, "adam")
    assert (excess > 5 * error + 0.3).all()
    assert (np.abs(value - wrong.predicted) < 0.1 + 4 * error).all()
    assert wrong.predicted.tolist() == [0.5, 1, 1]


@pytest.mark.slow
def test_later_steps_of_mup_stay_flat_and_the_errors_are_those_of_the_seeds():
    found = check(MUP, "adam", 1e-3, steps=4)
    assert found.movement.shape == (16, 4, 3, 3)
    assert found.slopes.value.shape == found.slopes.error.shape == (4, 3)
    assert (np.abs(found.slopes.value) < 0.1 + 4 * found.slopes.error).all()
    assert (np.diff(found.movement, axis=1) > 0).all()  # Adam walks on
    for step, layer in ((0, 0), (3, 2)):
        curves = np.log(found.movement[:, step, :, layer])
        fits = [np.polyfit(np.log(found.widths), curve, 1)[0] for curve in curves]
        assert_allclose(found.slopes.value[step, layer], np.mean(fits), atol=1e-12)
        assert_allclose(found.slopes.error[step, layer], np.std(fits, ddof=1) / 4, rtol=1e-10)
    figure = found.plot(step=4)
    assert not plt.get_fignums()  # a figure of its own, which nobody has to close
    axis, = figure.axes
    theory = [line for line in axis.lines if line.get_label() == "_theory"]
    assert [line.get_ydata().tolist() for line in theory] == [[1, 1, 1]]
    assert axis.get_legend_handles_labels()[1] == found.layers == ["$h^{1}$", "$h^{2}$", "$f$"]
    marks = axis.containers[2][0].get_ydata()
    assert_allclose(np.polyfit(np.log(found.widths), np.log(marks), 1)[0],
                    found.slopes.value[3, 2], atol=1e-12)
    assert str(found).splitlines()[1].split()[0] == "h^1"
    assert found.plot(axis, 1) is figure
    with pytest.raises(ValueError, match="step: expected 1 to 4; got 5"):
        found.plot(step=5)


@pytest.mark.parametrize("options, message", [
    ({"widths": [64, 128]}, "widths: expected at least 3"),
    ({"widths": [64, 64, 128]}, "widths: expected at least 3"),
    ({"seeds": 1}, "seeds: expected an integer >= 2; got 1"),
    ({"steps": 0}, "steps: expected an integer >= 1; got 0"),
    ({"optimizer": "lion"}, 'optimizer: expected "sgd" or "adam"; got \'lion\''),
    ({"learning_rate": 1e-12}, "learning_rate: expected movements far above the rounding of float"),
    ({"learning_rate": 1e38}, "learning_rate: expected steps that do not overflow"),
    ({"parametrization": MEAN_FIELD, "depth": 2}, "depth: expected 1"),
])
def test_bad_input(options, message):
    arguments = {"parametrization": STANDARD, "optimizer": "sgd", "learning_rate": 0.1, "depth": 1,
                 "widths": [4, 5, 6], "seeds": 2} | options
    with pytest.raises(ValueError, match=message):
        check(**arguments)


@pytest.mark.wrong_types
def test_targets_of_another_length():
    with pytest.raises(ValueError, match=r"y: expected one target for each of 4 inputs; got"):
        coordinate_check(MLP(4, 1), KEY, X, [1, 2], widths=[4, 5, 6], optimizer="sgd",
                         learning_rate=0.1)
