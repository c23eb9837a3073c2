"""Measured numbers with their standard errors: means, quantiles, slopes, any statistic."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from infinite_width import _validate


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Estimate:
    """A measured number, or an array of them, with one standard error of each.

    Unpacks as ``value, error = estimate``, and ``estimate[i]`` is an entry of an array. It
    can be shifted, scaled, divided and raised to a power by exact numbers; the error follows
    to first order. Two estimates combine as **independent** ones; for a statistic of the same
    samples, such as the ratio of two of their means, use `jackknife`.

    Attributes:
        value: The estimate.
        error: Its standard error, in the same unit.

    Example:
        >>> 4 * (Estimate(0.75, 0.125) - 0.5)
        Estimate(value=1.0, error=0.5)
        >>> Estimate(6.0, 0.3) / Estimate(2.0, 0.0)
        Estimate(value=3.0, error=0.15)
        >>> value, error = Estimate(9.0, 0.75) ** 0.5
        >>> value, error
        (3.0, 0.125)
    """

    value: Any
    error: Any

    # NumPy then leaves `array * estimate` to the methods below.
    __array_ufunc__ = None

    def __iter__(self) -> Iterator[Any]:
        return iter((self.value, self.error))

    def __getitem__(self, index: Any) -> "Estimate":
        return Estimate(self.value[index], self.error[index])

    def __neg__(self) -> "Estimate":
        return Estimate(-self.value, self.error)

    def __abs__(self) -> "Estimate":
        return Estimate(abs(self.value), self.error)

    def __add__(self, other: Any) -> "Estimate":
        value, error = _value_and_error(other)
        return Estimate(self.value + value, _combined(self.error, error))

    def __mul__(self, other: Any) -> "Estimate":
        value, error = _value_and_error(other)
        return Estimate(self.value * value, _combined(self.error * value, self.value * error))

    def __truediv__(self, other: Any) -> "Estimate":
        value, error = _value_and_error(other)
        ratio = self.value / value
        return Estimate(ratio, _combined(self.error / value, ratio * error / value))

    def __pow__(self, power: Any) -> "Estimate":
        slope = power * self.value ** (power - 1)
        return Estimate(self.value**power, _combined(slope * self.error, 0.0))

    def __sub__(self, other: Any) -> "Estimate":
        value, error = _value_and_error(other)
        return self + Estimate(-value, error)

    def __rsub__(self, other: Any) -> "Estimate":
        return -self + other

    def __rtruediv__(self, other: Any) -> "Estimate":
        return Estimate(other, 0.0) / self

    __radd__, __rmul__ = __add__, __mul__


def _value_and_error(number):
    return (number.value, number.error) if isinstance(number, Estimate) else (number, 0.0)


def _combined(first, second):
    """Root of the sum of squares; for one error its size, without rounding."""
    error = np.hypot(first, second)
    return error if np.ndim(error) else float(error)


def _samples(name: str, samples: ArrayLike, axis: int | None) -> NDArray:
    """Samples as float64 with the independent ones along the first axis."""
    array = np.asarray(samples, float)
    if axis is None:
        array = array.ravel()
    elif not -array.ndim <= axis < array.ndim:
        raise ValueError(f"axis: expected an axis of shape {array.shape}; got {axis}")
    else:
        array = np.moveaxis(array, axis, 0)
    if len(array) < 2:
        raise ValueError(f"{name}: expected at least 2 samples; got {len(array)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite values; got NaN or infinity")
    return array


def _estimate(value, error):
    value, error = np.asarray(value, float), np.asarray(error, float)
    return Estimate(value, error) if value.ndim else Estimate(float(value), float(error))


def mean(samples: ArrayLike, axis: int | None = None) -> Estimate:
    """The mean of independent samples, and its standard error sd / sqrt(count), ddof 1.

    Args:
        samples: Numbers; truth values count as 0 and 1.
        axis: Along which the samples are independent; None for all entries.

    Returns:
        The mean over `axis`, of floats if nothing else is left of the shape, else of arrays.

    Raises:
        ValueError: Fewer than 2 samples, values that are not finite, or no such axis.

    Example:
        >>> mean([1.0, 2.0, 3.0, 6.0])
        Estimate(value=3.0, error=1.0801234497346435)
        >>> mean([[1, 10], [3, 10]], axis=0).error
        array([1., 0.])
    """
    array = _samples("samples", samples, axis)
    return _estimate(array.mean(0), array.std(0, ddof=1) / np.sqrt(len(array)))


def quantile(samples: ArrayLike, q: float = 0.5, axis: int | None = None) -> Estimate:
    """A quantile of independent samples, by default the median.

    Its error is half the distance between the quantiles at q -+ sqrt(q (1 - q) / count): the
    number of samples below a quantile is binomial.

    Args:
        samples: Numbers.
        q: Between 0 and 1, exclusively.
        axis: Along which the samples are independent; None for all entries.

    Raises:
        ValueError: As in `mean`, or `q` is not between 0 and 1.

    Source: David & Nagaraja (2003), section 7.1.

    Example:
        >>> quantile(range(101)).value
        50.0
    """
    if not 0 < q < 1:
        raise ValueError(f"q: expected a number between 0 and 1; got {q!r}")
    array = _samples("samples", samples, axis)
    width = np.sqrt(q * (1 - q) / len(array))
    low, high = np.quantile(array, np.clip([q - width, q + width], 0, 1), axis=0)
    return _estimate(np.quantile(array, q, axis=0), (high - low) / 2)


def jackknife(
    statistic: Callable[..., ArrayLike], *samples: ArrayLike, groups: int = 100
) -> Estimate:
    """A smooth statistic of independent samples, with its error by leaving some out.

    The samples are split into `groups` runs of consecutive ones, or single ones if there are
    no more; the error is sqrt((g - 1) / g sum (s_i - mean s)^2) over the g statistics s_i that
    lack one group. For means, variances, ratios and functions of them; for a quantile use
    `quantile`.

    Args:
        statistic: Function of arrays like `samples`, of any number of them; may return arrays.
        *samples: One or several arrays with independent samples along the first axis; entries
            at the same place belong together and are left out together.
        groups: The largest number of groups.

    Raises:
        ValueError: Arrays of unequal length, fewer than 2 samples, values that are not finite,
            or fewer than 2 groups.

    Source: Miller (1974).

    Example:
        >>> above, below = np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0])
        >>> jackknife(lambda a, b: a.mean() / b.mean(), above, below)
        Estimate(value=2.0, error=0.0)
    """
    arrays = [_samples("samples", s, 0) for s in samples]
    counts = {len(array) for array in arrays}
    if len(counts) != 1:
        raise ValueError(f"samples: expected arrays of one length; got {sorted(counts)}")
    _validate.at_least("groups", groups, 2, integer=True)
    (count,) = counts
    without = np.array([
        statistic(*(np.delete(array, left_out, 0) for array in arrays))
        for left_out in np.array_split(np.arange(count), min(groups, count))
    ], float)
    return _estimate(statistic(*arrays), np.sqrt(len(without) - 1) * without.std(0))


def loglog_slope(x: ArrayLike, y: ArrayLike) -> Estimate:
    """Fit the exponent p of y ~ x^p: least squares of log y against log x.

    From one curve, the error is that of the regression,
    sqrt(sum residual^2 / (points - 2) / sum (log x - mean)^2), which takes the points for
    independent. From one a seed, slope and error are `mean` over the slopes of the curves.

    Args:
        x: Positive numbers [points], for example widths.
        y: Positive numbers: one curve [points], or one a seed [seeds, points].

    Raises:
        ValueError: Fewer than 3 points, fewer than 2 seeds, shapes that do not fit, values that
            are not positive and finite, or an `x` that is the same everywhere.

    Example:
        >>> slope, error = loglog_slope([16, 64, 256], [[3.0, 1.5, 0.75], [2.0, 1.0, 0.5]])
        >>> round(slope, 6), round(error, 6)
        (-0.5, 0.0)
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 1 or len(x) < 3:
        raise ValueError(f"x: expected at least 3 points, shape [points]; got shape {x.shape}")
    if y.ndim not in (1, 2) or y.shape[-1] != len(x):
        raise ValueError(f"y: expected [{len(x)}] or [seeds, {len(x)}]; got shape {y.shape}")
    if y.ndim == 2 and len(y) < 2:
        raise ValueError(f"y: expected at least 2 seeds; got {len(y)}")
    for name, array in (("x", x), ("y", y)):
        if not (np.isfinite(array).all() and (array > 0).all()):
            raise ValueError(f"{name}: expected positive finite values; got {array!r}")
    centred = np.log(x) - np.log(x).mean()
    spread = (centred**2).sum()
    if spread == 0:
        raise ValueError(f"x: expected at least two different values; got {x!r}")
    slopes = np.log(y) @ centred / spread
    if y.ndim == 2:
        return mean(slopes)
    residual = np.log(y) - np.log(y).mean() - slopes * centred
    return Estimate(float(slopes), float(np.sqrt((residual**2).sum() / (len(x) - 2) / spread)))
