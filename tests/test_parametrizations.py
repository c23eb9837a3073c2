import numpy as np
import pytest

from infinite_width.parametrizations import (
    MEAN_FIELD,
    MUP,
    NTK,
    STANDARD,
    Exponents,
    Parametrization,
    richness,
)

STANDARD_OVER_N = STANDARD.with_learning_rate(1, "standard, rate 1/n")
HALF = 0.5

# Slopes of the movement of h^1, h^2, h^3 and f in the first step, ten schemes. The numbers
# come from counting powers by hand, layer by layer, and from runs of an independent program.
TABLE = [
    (STANDARD, "sgd", (-HALF, HALF, HALF, 1)),
    (STANDARD_OVER_N, "sgd", (-3 * HALF, -HALF, -HALF, 0)),
    (NTK, "sgd", (-HALF, -HALF, -HALF, 0)),
    (MUP, "sgd", (0, 0, 0, 0)),
    (richness(0.25), "sgd", (-0.25, -0.25, -0.25, 0)),
    (STANDARD, "adam", (0, 1, 1, 1.5)),
    (STANDARD_OVER_N, "adam", (-1, 0, 0, HALF)),
    (NTK.with_learning_rate(0), "adam", (0, HALF, HALF, 1)),
    (NTK, "adam", (-HALF, -HALF, -HALF, 0)),
    (MUP, "adam", (0, 0, 0, 0)),
]


@pytest.mark.parametrize("parametrization, optimizer, slopes", TABLE)
def test_first_step_exponents(parametrization, optimizer, slopes):
    assert parametrization.first_step_exponents(np.int64(3), optimizer) == slopes


@pytest.mark.parametrize(
    "parametrization, r, stable, nontrivial, features",
    [
        (STANDARD, -1, False, False, False),
        (STANDARD_OVER_N, 0.5, True, True, False),
        (STANDARD.with_learning_rate(2), 1.5, True, False, False),
        (NTK, 0.5, True, True, False),
        (NTK.with_learning_rate(-0.5), 0, False, False, False),
        (MUP, 0, True, True, True),
        (MUP.with_learning_rate(0.5), 0.5, True, False, False),
        (MEAN_FIELD, 0, True, True, True),
        (richness(0.1), 0.4, True, True, False),
        (richness(0.3), 0.2, True, True, False),
    ],
)
def test_stability_and_dichotomy(parametrization, r, stable, nontrivial, features):
    assert parametrization.feature_exponent() == r
    assert parametrization.is_stable() is stable
    assert parametrization.is_nontrivial() is nontrivial
    assert parametrization.learns_features() is features
    assert parametrization.is_kernel_regime() is (nontrivial and not features)


def test_adam_feature_exponent():
    found = [p.feature_exponent("adam") for p in (STANDARD, STANDARD_OVER_N, NTK, MUP, MEAN_FIELD)]
    assert found == [-1, 0, 0.5, 0, 0]
    assert richness(0.2).feature_exponent("adam") == pytest.approx(0.3, abs=1e-12)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("parametrization", [STANDARD, NTK, MUP, MEAN_FIELD, richness(0.3)])
def test_gauge(parametrization, optimizer):
    moved = parametrization.shift(0.25, optimizer)
    assert moved != parametrization
    assert moved.weight_exponents() == parametrization.weight_exponents()
    assert moved.rate_exponents(optimizer) == parametrization.rate_exponents(optimizer)
    assert moved.feature_exponent(optimizer) == parametrization.feature_exponent(optimizer)
    other = {"sgd": "adam", "adam": "sgd"}[optimizer]
    assert moved.rate_exponents(other) != parametrization.rate_exponents(other)


def test_named_members_of_the_family():
    assert richness(0) == NTK
    assert richness(0.5) == MUP
    assert hash(richness(0.5)) == hash(MUP)
    assert richness(0.25) not in (NTK, MUP)
    for optimizer in ("sgd", "adam"):  # mean field is muP with one hidden layer
        for mean_field, mup in zip(
            (MEAN_FIELD.weight_exponents(), MEAN_FIELD.rate_exponents(optimizer)),
            (MUP.weight_exponents(), MUP.rate_exponents(optimizer)),
            strict=True,
        ):
            assert mean_field._replace(hidden=None) == mup._replace(hidden=None)


def test_effective_form_of_mup_is_that_of_mutransfer():
    # Yang et al. (2022), table 3: variance 1/fan_in with readout 1/fan_in^2; SGD rates fan_out,
    # 1, 1/fan_in; Adam rates 1, 1/fan_in, 1/fan_in, and biases as input weights.
    assert MUP.weight_exponents()[:3] == (0, 0.5, 1)
    assert MUP.rate_exponents("sgd") == (-1, 0, 1, 0)
    assert MUP.rate_exponents("adam") == (0, 1, 1, 0)


def test_shallow_networks_have_no_hidden_term():
    assert MUP.first_step_exponents(1) == (0, 0)
    assert MEAN_FIELD.first_step_exponents(1) == (0, 0)
    assert MEAN_FIELD.first_step_exponents(1, "adam") == (0, 0)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: richness(-0.1), "r:"),
        (lambda: richness(0.6), "r:"),
        (lambda: MUP.rate_exponents("sgdm"), "optimizer:"),
        (lambda: MUP.first_step_exponents(0), "depth:"),
        (lambda: MEAN_FIELD.first_step_exponents(2), "depth:"),
    ],
)
def test_bad_input(call, name):
    with pytest.raises(ValueError, match=name):
        call()


def test_a_parametrization_of_ones_own():
    own = Parametrization("own", Exponents(0, 0, 1), Exponents(0, 0.5, 0),
                          Exponents(-1, 0, -1), Exponents(0, 1, 0))
    assert own.learns_features()  # muP with the mean-field readout
    assert own.rate_exponents()[:3] == MUP.rate_exponents()[:3]
