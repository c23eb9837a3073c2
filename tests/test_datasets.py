import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from infinite_width.datasets import (
    circle,
    digits,
    mnist1d,
    moons,
    sparse_parity,
    spirals,
    staircase,
)

KEY = jax.random.key(2)


def mean_within_errors(samples, expected, errors=4):
    samples = np.asarray(samples, float)
    error = samples.std(ddof=1) / np.sqrt(len(samples))
    assert abs(samples.mean() - expected) < errors * error + 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("draw", [moons, spirals])
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_two_dimensional_toys(draw, noise):
    x, y = draw(KEY, 20000, noise)
    assert x.shape == (20000, 2)
    assert y.shape == (20000,)
    assert set(np.unique(y)) == {-1, 1}
    assert x.dtype == y.dtype == jnp.zeros(()).dtype
    mean_within_errors((x**2).sum(1) / 2, 1)
    for coordinate in x.T:
        mean_within_errors(coordinate, 0)
    mean_within_errors(y, 0)


@pytest.mark.slow
def test_classes_are_apart_but_not_linearly():
    for x, y in (moons(KEY, 400, 0.05), spirals(KEY, 400, 0.01)):
        distance = np.linalg.norm(x[:, None] - x[None], axis=-1) + 1e9 * np.eye(400)
        nearest = np.asarray(y)[distance.argmin(1)]
        assert (nearest == y).mean() > 0.98
        weights = np.linalg.lstsq(np.asarray(x), np.asarray(y), rcond=None)[0]
        assert (np.sign(x @ weights) == y).mean() < 0.95


@pytest.mark.slow
def test_sparse_parity():
    x, y = sparse_parity(KEY, 500, 6, degree=3)
    assert x.shape == (500, 6)
    assert set(np.unique(x)) == {-1, 1}
    assert_allclose(y, x[:, 0] * x[:, 1] * x[:, 2])
    mean_within_errors(y * x[:, 0], 0)


@pytest.mark.slow
def test_staircase():
    x, y = staircase(KEY, 4000, 5, degree=3)
    a, b, c = x.T[:3]
    assert_allclose(y, (a + a * b + a * b * c) / np.sqrt(3), rtol=1e-6)
    mean_within_errors(y, 0)
    mean_within_errors(y**2, 1)
    mean_within_errors(y * a * b * c, 1 / np.sqrt(3))


@pytest.mark.slow
def test_circle():
    x = circle(8)
    assert_allclose((x**2).sum(1) / 2, 1, rtol=1e-6)
    assert_allclose(x[0], [-np.sqrt(2), 0], atol=1e-6)
    assert_allclose(x.sum(0), 0, atol=1e-5)  # equal steps
    assert_allclose(circle(np.array([0.0, np.pi / 2])), np.sqrt(2) * np.eye(2), atol=1e-6)
    assert_allclose(circle(np.int64(8)), x, rtol=0)
    assert_allclose(circle(np.array([0, 1])), circle(np.array([0.0, 1.0])), rtol=0)


@pytest.fixture(scope="module")
def signals():
    before = random.getstate(), np.random.get_state()
    result = mnist1d(KEY, 1500, 200)
    after = random.getstate(), np.random.get_state()
    assert before[0] == after[0]
    assert all(np.array_equal(*pair) for pair in zip(before[1], after[1], strict=True))
    return result


@pytest.mark.slow
@pytest.mark.parametrize("name, d, n_train, n_test", [("digits", 64, 1000, 797),
                                                      ("mnist1d", 40, 1500, 200)])
def test_images_and_signals(name, d, n_train, n_test, signals):
    data = digits(KEY) if name == "digits" else signals
    assert data.x_train.shape == (n_train, d)
    assert data.x_test.shape == (n_test, d)
    assert data.y_train.shape == (n_train, 10)
    assert data.x_train.dtype == data.y_test.dtype == jnp.zeros(()).dtype
    assert_allclose(data.x_train.mean(0), 0, atol=1e-5)
    assert_allclose((data.x_train**2).mean(), 1, rtol=1e-5)
    for y, labels in ((data.y_train, data.labels_train), (data.y_test, data.labels_test)):
        assert_allclose(y.sum(1), 0, atol=1e-6)
        assert_allclose(y.max(1), 0.9, rtol=1e-6)
        assert (y.argmax(1) == labels).all()
    assert len(np.unique(data.x_train, axis=0)) == n_train  # no example twice
    # Nearest neighbours know the classes: inputs and labels were not shuffled apart.
    distance = ((data.x_test[:200, None] - data.x_train[None]) ** 2).sum(-1)
    found = data.labels_train[distance.argmin(1)]
    # Far above chance, 0.1 + 4 * sqrt(0.1 * 0.9 / 200) = 0.18.
    assert (found == data.labels_test[:200]).mean() > 0.4


@pytest.mark.slow
@pytest.mark.parametrize(
    "draw",
    [lambda key: moons(key, 20), lambda key: sparse_parity(key, 20, 5),
     lambda key: digits(key, 20, 20)],
)
def test_everything_follows_from_the_key(draw):
    one, again, other = draw(KEY), draw(KEY), draw(jax.random.key(3))
    assert_allclose(one[0], again[0], rtol=0)
    assert_allclose(one[1], again[1], rtol=0)
    assert not np.array_equal(one[0], other[0])


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: moons(KEY, 0), "n:"),
        (lambda: moons(KEY, 5, -1.0), "noise:"),
        (lambda: spirals(KEY, 5, turns=float("inf")), "turns:"),
        (lambda: sparse_parity(KEY, 5, 3, degree=4), "degree:"),
        (lambda: staircase(KEY, 5, 0), "d:"),
        (lambda: circle(0), "angles:"),
        (lambda: circle("all"), "angles:"),
        (lambda: moons(KEY, 5, None), "noise:"),
        (lambda: moons(KEY, 5.0), "n:"),
        (lambda: digits(KEY, "20"), "n_train:"),
        (lambda: circle(np.ones((2, 2))), "angles:"),
        (lambda: digits(KEY, 1000, 798), "n_test:"),
        (lambda: digits(KEY, 0, 10), "n_train:"),
    ],
)
def test_bad_input(call, name):
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
