"""Infinitely wide networks as scikit-learn estimators.

They go wherever scikit-learn takes a regressor: pipelines, grid searches, `clone`. Scale the
columns first (`StandardScaler`), and set `noise`:

    model = make_pipeline(StandardScaler(), NNGPRegressor(depth=2, noise=0.1))
    model.fit(x, y)  # x[n, d]; y[n] or y[n, outputs]
    mean, deviation = model.predict(x_test, return_std=True)  # each like y

The deviation is that of the function; a new observation adds the noise. A singular kernel matrix
(repeated inputs without noise) is refused by `fit` with a ValueError that names the remedies.
Kernels and solves are in float64 whatever JAX is set to, and that setting stays as it is. The
rest of the package does not need scikit-learn.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, validate_data

from infinite_width import _rounding, _validate, gaussian_process
from infinite_width.activations import RELU, Activation
from infinite_width.kernels import mlp_kernels


class _WideNetworkRegressor(RegressorMixin, BaseEstimator):
    _kernel: str  # which of the two kernels is inverted
    # Nothing routes these, and their setters would stand in the reference.
    __metadata_request__predict = {"return_std": UNUSED}
    __metadata_request__score = {"sample_weight": UNUSED}

    def __init__(
        self,
        depth: int = 2,
        *,
        activation: Activation | None = None,
        weight_variance: float = 2.0,
        bias_variance: float = 0.0,
        noise: float = 0.01,
        normalize_y: bool = False,
    ):
        self.depth = depth
        self.activation = activation
        self.weight_variance = weight_variance
        self.bias_variance = bias_variance
        self.noise = noise
        self.normalize_y = normalize_y

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _kernels(self, x1, x2=None):
        return mlp_kernels(
            x1,
            x2,
            depth=self.depth,
            activation=RELU if self.activation is None else self.activation,
            weight_variance=self.weight_variance,
            bias_variance=self.bias_variance,
        )

    def _variances(self, x):
        """Return K(x, x) for each input, without the matrix."""
        return jax.vmap(lambda row: self._kernels(row[None]).nngp[0, 0])(x)

    def fit(self, X: ArrayLike, y: ArrayLike):
        """Fit to inputs X [n, d] and targets y, [n] or [n, outputs].

        Returns:
            The estimator itself.

        Raises:
            ValueError: Arrays do not fit or have missing values, a parameter is out of its
                range, or the kernel matrix is singular up to rounding (repeated inputs, or an
                input that is zero, without noise).
        """
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        y = np.asarray(y, np.float64)
        _validate.at_least("noise", self.noise, 0.0)
        self.y_mean_, self.y_scale_ = np.zeros(y.shape[1:]), np.ones(y.shape[1:])
        if self.normalize_y:
            spread = y.std(0)
            self.y_mean_, self.y_scale_ = y.mean(0), np.where(spread > 0, spread, 1.0)
        targets = (y - self.y_mean_) / self.y_scale_
        with _rounding.float64():
            kernels = self._kernels(X)
            matrix = getattr(kernels, self._kernel) + self.noise * jnp.eye(len(X))
            factor = _rounding.cholesky("X", matrix)
            self.dual_coef_ = np.asarray(jax.scipy.linalg.cho_solve((factor, True), targets))
            self.X_fit_, self.factor_ = X, np.asarray(factor)
            self._after_fit(kernels, targets)
        return self

    def predict(
        self, X: ArrayLike, return_std: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict at inputs X [m, d].

        Returns:
            The mean, [m] or [m, outputs]; with `return_std` the pair of mean and standard
            deviation, of the same shape. The noise of a new observation is not included.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        with _rounding.float64():
            cross = self._kernels(X, self.X_fit_)
            mean = np.asarray(getattr(cross, self._kernel) @ self.dual_coef_)
            mean = self.y_mean_ + self.y_scale_ * mean
            if not return_std:
                return mean
            variance = np.maximum(np.asarray(self._variance(X, cross)), 0.0)
        return mean, np.multiply.outer(np.sqrt(variance), self.y_scale_)


class NNGPRegressor(_WideNetworkRegressor):
    """Bayesian inference with an infinitely wide network: the posterior under its NNGP kernel.

    Args:
        depth: Number of hidden layers, 0 for a linear model.
        activation: Applied in every hidden layer; `None` for ReLU.
        weight_variance: Weights are N(0, weight_variance / fan_in).
        bias_variance: Biases are N(0, bias_variance).
        noise: Variance of the observations' noise; in units of y's variance with `normalize_y`.
        normalize_y: Whether y is centred and scaled to variance 1 for the fit.

    Attributes:
        log_marginal_likelihood_: Of the (normalised) targets, in nats, summed over outputs; for
            choosing the parameters.

    Source: Lee et al. (2018), section 2.4.

    Example:
        >>> import numpy as np
        >>> x = np.linspace(-2, 2, 9)[:, None]
        >>> model = NNGPRegressor(depth=1, bias_variance=1.0, noise=1e-4).fit(x, np.sin(x[:, 0]))
        >>> mean, deviation = model.predict([[0.25], [9.0]], return_std=True)
        >>> bool(abs(mean[0] - np.sin(0.25)) < 0.02), bool(deviation[1] > 10 * deviation[0])
        (True, True)
    """

    _kernel = "nngp"

    def _after_fit(self, kernels, targets):
        self.log_marginal_likelihood_ = float(gaussian_process._log_density(self.factor_, targets))

    def _variance(self, x, cross):
        half = solve_triangular(self.factor_, cross.nngp.T, lower=True)
        return self._variances(x) - (half**2).sum(0)


class NTKRegressor(_WideNetworkRegressor):
    """An ensemble of very wide networks, each trained to the end from its own random start.

    The mean is kernel regression with the tangent kernel Theta. The standard deviation is that
    over random starts. With `noise` zero, networks fit the targets; else each is trained on

        sum_i |f(x_i) - y_i|^2 / 2  +  noise |theta - theta_0|^2 / 2,

    which holds it back at its start theta_0. With A = Theta(x, X) (Theta(X, X) + noise I)^-1,

        mean = A y,   covariance = K(x, x) + A K(X, X) A^T - A K(X, x) - K(x, X) A^T,

    `kernel_dynamics.ensemble` at t = inf for zero noise. It is no posterior: at noisy targets
    its spread says how much networks differ, and not how far the truth may be.

    Args:
        depth: Number of hidden layers, 0 for a linear model.
        activation: Applied in every hidden layer; `None` for ReLU.
        weight_variance: Weights are N(0, weight_variance / fan_in).
        bias_variance: Biases are N(0, bias_variance); they are trained too.
        noise: The weight of the pull towards the start; in units of y's variance with
            `normalize_y`.
        normalize_y: Whether y is centred and scaled to variance 1 for the fit.

    Source: Lee et al. (2019), corollary 1, here with noise I added to Theta.

    Example:
        >>> import numpy as np
        >>> x = np.linspace(-2, 2, 9)[:, None]
        >>> model = NTKRegressor(depth=1, bias_variance=1.0, noise=0).fit(x, np.sin(x[:, 0]))
        >>> mean, deviation = model.predict(x, return_std=True)
        >>> bool(abs(mean - np.sin(x[:, 0])).max() < 1e-6), bool(deviation.max() < 1e-6)
        (True, True)
    """

    _kernel = "ntk"

    def _after_fit(self, kernels, targets):
        self.nngp_fit_ = np.asarray(kernels.nngp)

    def _variance(self, x, cross):
        half = solve_triangular(self.factor_, cross.ntk.T, lower=True)
        gain = solve_triangular(self.factor_, half, lower=True, trans=1).T
        spread = ((gain @ self.nngp_fit_) * gain).sum(1)
        return self._variances(x) + spread - 2 * (gain * cross.nngp).sum(1)
