"""The estimators against the formulas, and against scikit-learn's own rules."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from infinite_width import kernel_dynamics
from infinite_width._rounding import float64
from infinite_width.activations import ERF
from infinite_width.estimators import NNGPRegressor, NTKRegressor
from infinite_width.kernels import mlp_kernels

GENERATOR = np.random.default_rng(0)
X, X_TEST = GENERATOR.normal(size=(30, 4)), GENERATOR.normal(size=(6, 4))
Y = np.stack([np.sin(X[:, 0]), 5 + X[:, 1] * X[:, 2]], 1)
SETTING = dict(depth=1, activation=ERF, weight_variance=1.5, bias_variance=0.2)
BOTH = pytest.mark.parametrize("model", [NNGPRegressor, NTKRegressor])
# A list: scikit-learn's own decorator hands pytest a generator, which pytest no longer takes.
CHECKS = [pair for model in (NNGPRegressor(), NTKRegressor())
          for pair in estimator_checks_generator(model)]


def kernels():
    with float64():
        return [mlp_kernels(*pair, **SETTING) for pair in ((X,), (X_TEST, X), (X_TEST,))]


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    "estimator, check", CHECKS, ids=[f"{type(e).__name__}-{c.func.__name__}" for e, c in CHECKS])
def test_rules_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.slow
def test_nngp_is_the_posterior():
    train, cross, test = (np.asarray(k.nngp) for k in kernels())
    model = NNGPRegressor(**SETTING, noise=0.1).fit(X, Y)
    mean, deviation = model.predict(X_TEST, return_std=True)
    inverse = np.linalg.inv(train + 0.1 * np.eye(30))
    assert_allclose(mean, cross @ inverse @ Y, rtol=1e-10)
    expected = np.sqrt(np.diag(test - cross @ inverse @ cross.T))
    assert_allclose(deviation, np.stack([expected] * 2, 1), rtol=1e-10)
    _, log_determinant = np.linalg.slogdet(train + 0.1 * np.eye(30))
    likelihood = -(np.trace(Y.T @ inverse @ Y) + 2 * (log_determinant + 30 * np.log(2 * np.pi)))
    assert_allclose(model.log_marginal_likelihood_, likelihood / 2, rtol=1e-10)


@pytest.mark.slow
def test_ntk_is_the_trained_ensemble():
    blocks = kernels()
    model = NTKRegressor(**SETTING, noise=0).fit(X, Y)
    mean, deviation = model.predict(X_TEST, return_std=True)
    with float64():
        limit = kernel_dynamics.ensemble(*blocks, Y)
        assert_allclose(mean, limit.mean, rtol=1e-8)
        assert_allclose(deviation[:, 1], limit.standard_deviation, rtol=1e-8)
    assert_allclose(model.predict(X), Y, rtol=1e-9)


def test_ntk_with_noise_is_training_held_back():
    """A linear model in many features: minimise the loss with its pull for random starts."""
    noise, d = 0.5, X.shape[1]
    model = NTKRegressor(depth=0, weight_variance=1.5, noise=noise).fit(X, Y[:, 0])
    mean, deviation = model.predict(X_TEST, return_std=True)
    features, features_test = (np.sqrt(1.5 / d) * x for x in (X, X_TEST))
    solve = np.linalg.inv(features.T @ features + noise * np.eye(d))
    assert_allclose(mean, features_test @ solve @ features.T @ Y[:, 0], rtol=1e-9)
    # A start theta_0 ~ N(0, I) ends at solve (features' y + noise theta_0).
    spread = noise * features_test @ solve
    assert_allclose(deviation, np.sqrt((spread**2).sum(1)), rtol=1e-8)


@pytest.mark.slow
@BOTH
def test_shapes_and_units(model):
    one = model(**SETTING).fit(X, Y[:, 1])
    mean, deviation = one.predict(X_TEST, return_std=True)
    assert mean.shape == deviation.shape == (6,)
    assert mean.dtype == deviation.dtype == np.float64
    two = model(**SETTING).fit(X, Y).predict(X_TEST)
    assert_allclose(two[:, 1], mean, rtol=1e-9)
    # With normalize_y another unit and another zero change nothing else.
    plain = model(**SETTING, normalize_y=True).fit(X, Y)
    moved = model(**SETTING, normalize_y=True).fit(X, 7 - 1000 * Y)
    for (a, b), scale in ((plain.predict(X_TEST, True), 1), (moved.predict(X_TEST, True), 1000)):
        if scale == 1:
            reference = a, b
    assert_allclose(a, 7 - 1000 * reference[0], rtol=1e-9)
    assert_allclose(b, 1000 * reference[1], rtol=1e-9)
    lists = model(**SETTING).fit(X.tolist(), Y.tolist()).predict(X_TEST.tolist())
    assert_allclose(lists, two, rtol=0)
    constant = model(normalize_y=True).fit(X, np.full(30, 3))
    assert_allclose(constant.predict(X_TEST), 3, rtol=1e-12)


@pytest.mark.slow
@BOTH
def test_pipeline_grid_search_and_clone(model):
    pipeline = make_pipeline(StandardScaler(), model(normalize_y=True))
    name = model.__name__.lower()
    search = GridSearchCV(pipeline, {f"{name}__noise": [0.01, 100.0],
                                     f"{name}__activation": [None, ERF]}, cv=3)
    search.fit(1000 * X + 50, Y)
    assert search.best_params_[f"{name}__noise"] == 0.01
    assert search.best_score_ > 0.4
    assert clone(search.best_estimator_).get_params()[f"{name}__depth"] == 2


@BOTH
def test_the_precision_of_jax_is_left_alone(model):
    before = jax.config.jax_enable_x64
    model().fit(X, Y).predict(X_TEST, return_std=True)
    assert jax.config.jax_enable_x64 == before


@pytest.mark.slow
@BOTH
def test_bad_input(model):
    twice = np.concatenate([X, X[:1]]), np.arange(31.0)
    with pytest.raises(ValueError, match="X: .*noise > 0, drop repeated inputs"):
        model(noise=0).fit(*twice)
    for bad, message in ((dict(noise=-1), "noise"), (dict(noise="a"), "noise"),
                         (dict(depth=-1), "depth"), (dict(weight_variance=-1), "weight_variance"),
                         (dict(activation="relu"), "activation")):
        with pytest.raises(ValueError, match=message):
            model(**bad).fit(X, Y)
    with pytest.raises(ValueError, match="features"):
        model().fit(X, Y).predict(X_TEST[:, :2])


@pytest.mark.slow
def test_the_other_modules_do_not_import_scikit_learn():
    import subprocess
    import sys

    code = ("import sys, infinite_width.gaussian_process, infinite_width.kernel_dynamics, "
            "infinite_width.datasets, infinite_width.networks; assert 'sklearn' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)
