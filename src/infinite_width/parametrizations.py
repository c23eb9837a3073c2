"""Parametrisations: how weights and learning rates scale with the width.

An abc-parametrisation writes each layer's weights as W = n^{-a} w, draws w ~ N(0, n^{-2b})
and trains w with learning rate eta n^{-c}, at width n. Constants (the fan-in of the inputs,
the weight variance) are the network's business, see `infinite_width.networks`; here are
exponents only. Moving (a, b, c) to (a + theta, b - theta, c - 2 theta) changes nothing under
SGD, and (a + theta, b - theta, c - theta) nothing under Adam, so what counts are two numbers
a layer: how large the weights are, and how far they move (`weight_exponents`,
`rate_exponents`).

Sources: Yang & Hu (2021), sections 3-5 and table 1, for SGD; Yang et al. (2022), tables 3, 8
and 9, for Adam; Karkada (2024) for the family between NTK and muP.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from infinite_width import _validate


class Exponents(NamedTuple):
    """One exponent for each role that a parameter can have.

    Attributes:
        input: First layer's weights, and the biases of all hidden layers: fan-in fixed.
        hidden: Weights from one hidden layer to the next; None if there can be none.
        output: Readout weights.
        bias: Readout bias: fan-in and fan-out fixed.
    """

    input: float
    hidden: float | None
    output: float
    bias: float = 0.0


def _tidy(exponent: float) -> float:
    # Predicates compare exactly: 0.3 + 0.2 must be 0.5, and -0.0 is nobody's exponent.
    return round(float(exponent), 12) + 0.0


def _combine(first: Exponents, factor: float, second: Exponents) -> Exponents:
    return Exponents(*(
        None if one is None or two is None else _tidy(one + factor * two)
        for one, two in zip(first, second, strict=True)
    ))


@dataclass(frozen=True)
class Parametrization:
    """Exponents a, b, c of every layer; equal if all exponents are equal.

    Attributes:
        name: How figures and tables call it; takes no part in comparisons.
        a: W = n^{-a} w.
        b: w ~ N(0, n^{-2b}) at initialisation.
        c_sgd: Learning rates eta n^{-c} under SGD, with or without momentum.
        c_adam: The same under Adam and other methods whose step ignores the gradient's scale.
    """

    name: str = field(compare=False)
    a: Exponents
    b: Exponents
    c_sgd: Exponents
    c_adam: Exponents

    def check_depth(self, depth: int | np.integer) -> None:
        """Raise a ValueError unless networks of `depth` hidden layers can have these exponents."""
        _validate.at_least("depth", depth, 1, integer=True)
        if depth > 1 and self.a.hidden is None:
            raise ValueError(f"depth: expected 1, the parametrisation {self.name!r} is for one "
                             f"hidden layer; got {depth}")

    def learning_rate_exponents(self, optimizer: str = "sgd") -> Exponents:
        """Return c for "sgd" or "adam"; another name raises a ValueError."""
        if optimizer not in ("sgd", "adam"):
            raise ValueError(f'optimizer: expected "sgd" or "adam"; got {optimizer!r}')
        return self.c_sgd if optimizer == "sgd" else self.c_adam

    def weight_exponents(self) -> Exponents:
        """Exponents a + b: entries of W have standard deviation n^{-(a + b)}."""
        return _combine(self.a, 1, self.b)

    def rate_exponents(self, optimizer: str = "sgd") -> Exponents:
        """Learning rate n^{-e} as W itself feels it: e = c + 2a for SGD, c + a for Adam.

        One a comes from the gradient (dL/dw = n^{-a} dL/dW), which Adam's step ignores, and
        one from W = n^{-a} w.
        """
        c = self.learning_rate_exponents(optimizer)
        return _combine(c, 2 if optimizer == "sgd" else 1, self.a)

    def shift(self, theta: float, optimizer: str = "sgd") -> "Parametrization":
        """Return the same network written differently: (a + theta, b - theta, c - k theta).

        With k = 2 it trains alike under SGD, with k = 1 under Adam; the other optimiser's c is
        left as it is, so that method notices the change.
        """
        c = self.learning_rate_exponents(optimizer)
        step = Exponents(*(theta,) * 4)
        moved = _combine(c, -2 if optimizer == "sgd" else -1, step)
        return replace(
            self, a=_combine(self.a, 1, step), b=_combine(self.b, -1, step),
            **{"c_" + optimizer: moved},
        )

    def with_learning_rate(self, exponent: float, name: str | None = None) -> "Parametrization":
        """Return a copy with learning rate eta n^{-exponent} in all layers and optimisers."""
        c = Exponents(exponent, None if self.a.hidden is None else exponent, exponent, exponent)
        return replace(self, name=name or self.name, c_sgd=c, c_adam=c)

    def first_step_exponents(
        self, depth: int | np.integer, optimizer: str = "sgd"
    ) -> tuple[float, ...]:
        """Return s_1 .. s_depth and s_f: the first step moves h^l by n^{s_l}, f by n^{s_f}.

        This is what a coordinate check measures. Backpropagated signals have entries of size
        n^{-w_out}, w = `weight_exponents()`, and e = `rate_exponents()`, so with SGD

            s_1 = -e_in - w_out,   s_l = max(s_{l-1}, 1 - e_hid - w_out),
            s_f = max(1 - e_out, 1 - w_out + s_depth);

        Adam's step has the gradient's sign but not its size: drop w_out from s_1 and s_l.
        Valid for weights with w = (0, 1/2, .) that keep h^l of order one at initialisation.

        Raises:
            ValueError: As `check_depth`, or the optimiser is unknown.
        """
        self.check_depth(depth)
        rates, readout = self.rate_exponents(optimizer), self.weight_exponents().output
        signal = readout if optimizer == "sgd" else 0.0
        slopes = [-rates.input - signal]
        for _ in range(1, depth):
            slopes.append(max(slopes[-1], 1 - rates.hidden - signal))
        slopes.append(max(1 - rates.output, 1 - readout + slopes[-1]))
        return tuple(map(_tidy, slopes))

    def feature_exponent(self, optimizer: str = "sgd") -> float:
        """Return r: after a few steps the last hidden layer has moved by n^{-r} an entry.

        r = 0 is feature learning, r > 0 the kernel regime, r < 0 a blow-up. For SGD

            r = min(w_out, e_out) + min(e_in, e_hid - 1):

        the gradient reaches the hidden layers through the readout, as drawn (w_out) or as moved
        by earlier steps (e_out). For Adam r = min(e_in, e_hid - 1). Without a hidden role its
        term is left out. Karkada's richness is 1/2 - r.

        Source: Yang & Hu (2021), definition 3.2, for SGD, in a form that does not depend on
        the choice of theta.
        """
        rates = self.rate_exponents(optimizer)
        moves = rates.input if rates.hidden is None else min(rates.input, rates.hidden - 1)
        if optimizer == "sgd":
            moves += min(self.weight_exponents().output, rates.output)
        return _tidy(moves)

    def is_stable(self) -> bool:
        """Whether nothing blows up under SGD, at initialisation or later.

        All of: w_in = 0, w_hid = 1/2 (h^l of order one), w_out >= 1/2, r >= 0, e_out >= 1 and
        w_out + r >= 1 (f at most of order one).

        Source: Yang & Hu (2021), theorem 3.3.
        """
        weights, rates, r = self.weight_exponents(), self.rate_exponents(), self.feature_exponent()
        return (
            weights.input == 0 and weights.hidden in (None, 0.5) and weights.output >= 0.5
            and r >= 0 and rates.output >= 1 and _tidy(weights.output + r) >= 1
        )

    def is_nontrivial(self) -> bool:
        """Whether it is stable and f moves by order one: e_out = 1 or w_out + r = 1 (SGD)."""
        weights, rates = self.weight_exponents(), self.rate_exponents()
        moves = rates.output == 1 or _tidy(weights.output + self.feature_exponent()) == 1
        return self.is_stable() and moves

    def learns_features(self) -> bool:
        """Whether it is nontrivial with r = 0 under SGD (Yang & Hu, 2021, theorem 3.6)."""
        return self.is_nontrivial() and self.feature_exponent() == 0

    def is_kernel_regime(self) -> bool:
        """Whether it is nontrivial with r > 0 under SGD (Yang & Hu, 2021, theorem 3.8)."""
        return self.is_nontrivial() and self.feature_exponent() > 0


STANDARD = Parametrization(
    "standard",
    a=Exponents(0, 0, 0),
    b=Exponents(0, 0.5, 0.5),
    c_sgd=Exponents(0, 0, 0),
    c_adam=Exponents(0, 0, 0),
)
"""What frameworks do: variance 1 / fan_in, and one learning rate that ignores the width.

It is unstable. `STANDARD.with_learning_rate(1)` is stable under SGD, in the kernel regime
(Yang & Hu's column "SP"); under Adam it still lets f move by n^{1/2}.
"""

NTK = Parametrization(
    "NTK",
    a=Exponents(0, 0.5, 0.5),
    b=Exponents(0, 0, 0),
    c_sgd=Exponents(0, 0, 0),
    c_adam=Exponents(0.5, 1, 0.5),
)
"""Jacot et al. (2018). Its Adam rates keep the kernel regime: features move by n^{-1/2}."""

MEAN_FIELD = Parametrization(
    "mean field",
    a=Exponents(0, None, 1),
    b=Exponents(0, None, 0, 0.5),
    c_sgd=Exponents(-1, None, -1),
    c_adam=Exponents(0, None, 0),
)
"""One hidden layer, f = (1/n) sum; Mei et al. (2018). `MUP` in other words."""

MUP = Parametrization(
    "muP",
    a=Exponents(-0.5, 0, 0.5),
    b=Exponents(0.5, 0.5, 0.5, 0.5),
    c_sgd=Exponents(0, 0, 0),
    c_adam=Exponents(0.5, 1, 0.5),
)
"""Maximal update: every layer learns features. Yang & Hu (2021); Yang et al. (2022)."""


def richness(r: float) -> Parametrization:
    """Return Karkada's one-parameter family: `NTK` at r = 0, `MUP` at r = 1/2.

    a = (-r, 1/2 - r, 1/2), b = r, c = 0 for SGD. Features move by n^{r - 1/2} and f by order
    one, so `feature_exponent()` is 1/2 - r; at initialisation f is of order n^{-r}. Under Adam
    c = (1/2, 1, 1/2) gives the same powers.

    Raises:
        ValueError: r is outside [0, 1/2]: below, f would blow up, above, the features.

    Source: Karkada (2024).
    """
    if not 0 <= r <= 0.5:
        raise ValueError(f"r: expected a number from 0 (NTK) to 0.5 (muP); got {r!r}")
    return Parametrization(
        f"richness {r:g}",
        a=Exponents(-r, 0.5 - r, 0.5),
        b=Exponents(r, r, r, r),
        c_sgd=Exponents(0, 0, 0),
        c_adam=Exponents(0.5, 1, 0.5),
    )
