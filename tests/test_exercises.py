"""The list of exercises: each accepts what is right in every form, and rejects slips."""

import warnings
from decimal import Decimal
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from infinite_width import _reference_functions, exercises
from infinite_width.measure import Estimate

LIST = exercises.load()
VALUES = [id for id, entry in LIST.items() if np.ndim(entry.get("value", [])) == 0]
LISTS = [id for id, entry in LIST.items() if isinstance(entry.get("value"), list)]
WORDS = [id for id, entry in LIST.items() if "word" in entry]
FUNCTIONS = [id for id, entry in LIST.items() if "function" in entry]

def state(id, answer):
    return exercises.grade(id, answer).state


# ------------------------------------------------------------------ the list


def test_every_exercise_has_one_kind_and_hints_from_a_nudge_on():
    assert sorted(VALUES + LISTS + WORDS + FUNCTIONS) == sorted(LIST)
    for id, entry in LIST.items():
        assert 2 <= len(entry["hints"]) <= 3 and 2 <= len(entry["wrong"]) <= 4, id
        assert all(hint.strip() for hint in entry["hints"])
        if "word" not in entry:
            assert 0 <= entry["tolerance"] <= 0.15
        if entry.get("tolerance") == 0:
            assert entry["value"] == int(entry["value"]), f"{id}: exact answers are whole"


def test_hints_do_not_hold_the_answer():
    for id in VALUES:
        value = LIST[id]["value"]
        if value not in (-1, 0, 1, 2, 3, 0.5, -0.5):  # these occur in any formula
            first = LIST[id]["hints"][0]
            assert f"{value:g}" not in first.replace(",", "")


@pytest.mark.parametrize("id", VALUES)
def test_a_right_number_is_accepted_in_every_form(id):
    value = LIST[id]["value"]
    forms = [value, float(value), np.float64(value), np.array(value), jnp.asarray(float(value)),
             [value], (value,), np.array([value]), np.array([[value]]), jnp.array([[value]]),
             Fraction(value), Decimal(repr(value)), str(value), f" {value!r} ",
             repr(value).replace("-", "\N{MINUS SIGN}"), f"{float(value):e}",
             Estimate(value, 0.1), (value, 0.1), Estimate(np.array([value]), np.array([0.1])),
             str(Fraction(value).limit_denominator(10**9))]
    if value == int(value):
        forms += [int(value), np.int32(value), f"{int(value):,}", f"{int(value):_}"]
    else:
        forms += [np.float32(value)]
    for form in forms:
        assert state(id, form) == "ok", repr(form)


@pytest.mark.parametrize("id", LISTS)
def test_right_numbers_are_accepted_in_every_form(id):
    value = LIST[id]["value"]
    for form in (value, tuple(value), np.array(value), jnp.array(value), np.array([value]),
                 np.array(value)[:, None], [np.array(v) for v in value], [str(v) for v in value],
                 [Fraction(v) for v in value], [np.array([v]) for v in value]):
        assert state(id, form) == "ok", repr(form)


@pytest.mark.parametrize("id", WORDS)
def test_a_right_word_is_accepted_in_every_form(id):
    for form, word in LIST[id]["choices"].items():
        for answer in (form, form.upper(), f" {form}. ", f'"{form}"', f"{form}!"):
            assert (state(id, answer) == "ok") == (word == LIST[id]["word"]), answer


def changed_in_place(function):
    def inner(*arguments):
        result = function(*arguments)
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                argument += 7
        return result

    return inner


def with_array_methods(function):
    def inner(*arguments):
        for argument in arguments:
            if not isinstance(argument, int):  # whole numbers count layers and data
                assert argument.astype(float).shape == np.shape(argument)
        return function(*arguments)

    return inner


@pytest.mark.parametrize("id", FUNCTIONS)
def test_a_right_function_is_accepted_in_every_form(id):
    right = getattr(_reference_functions, LIST[id]["function"])
    for form in (right, changed_in_place(right), with_array_methods(right),
                 lambda *a: np.array(right(*a)), lambda *a: np.atleast_1d(right(*a)),
                 lambda *a: np.atleast_2d(right(*a)), lambda *a: jnp.asarray(right(*a)),
                 lambda *a: np.asarray(right(*a), np.float64).tolist()):
        for _ in range(2):  # and once more: no argument was changed
            assert exercises.grade(id, form).state == "ok", exercises.grade(id, form)


def influence_in_place(bits):
    for i in range(len(bits)):
        bits[i] = 2 * bits[i] - 1
    n = int(np.log2(bits.size))
    index = np.arange(bits.size)
    return sum((1 - bits * bits[index ^ (1 << k)]).mean() / 2 for k in range(n))


def influence_by_axes(bits):
    signs = (1 - 2 * bits).reshape((2,) * (bits.size.bit_length() - 1))
    return sum((signs != np.flip(signs, axis)).mean() for axis in range(signs.ndim))


def influence_of_a_batch(bits):
    tables = bits[None].astype(float)
    flips = [np.abs(tables - tables[:, np.arange(bits.size) ^ (1 << k)]).mean(1)
             for k in range(bits.size.bit_length() - 1)]
    return np.sum(flips, 0)


def share_by_matrices(n, m, p):
    y = (np.arange(n) < m).astype(float)[:, None]
    odds = p * y.T @ np.linalg.inv((1 - p) / 4 * (np.eye(n) + np.ones((n, n)))) @ y
    return odds / (1 + odds)


def variance_by_matrices(k_train, k_cross, k_test, ntk_train, ntk_cross, t):
    gain = ntk_cross[None, None] / ntk_train * (1 - np.exp(-ntk_train * t))
    return k_test - 2 * gain * k_cross + gain @ gain.T * k_train


@pytest.mark.parametrize("id, answer", [
    ("total-influence", influence_in_place), ("total-influence", influence_by_axes),
    ("total-influence", influence_of_a_batch), ("ensemble-zero-one", share_by_matrices),
    ("trained-ensembles-function", variance_by_matrices),
    ("hidden-share", lambda depth, v: 1 / (1 + 2 / (v * (depth - 1)))),
    ("relu-correlation", jax.jit(lambda t: (jnp.sin(t) + (np.pi - t) * jnp.cos(t)) / np.pi)),
    ("relu-correlation", lambda t: np.full(t.shape, np.sin(t) + (np.pi - t) * np.cos(t)) / np.pi),
    ("adam-quarter", (0.25, 1.25, 1.0, 0.0)), ("or-gate-sphere", "1/24"),
    ("ensemble-twenty-bits", "1,048,575"), ("stable-exponent", Estimate(1.65, 0.08)),
    ("rate-in-between", 0.484), ("zero-readout", Estimate(-0.97, 0.04)),
    ("shared-last-state", "No."), ("shared-last-state", False), ("lrt-diagnose", "hidden layers"),
])
def test_answers_that_students_gave(id, answer):
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # jax: float64 becomes float32
            assert exercises.grade(id, answer).state == "ok", exercises.grade(id, answer)


@pytest.mark.parametrize("id", LIST)
def test_wrong_answers_that_students_give_are_rejected(id):
    for answer in LIST[id]["wrong"]:
        if "function" in LIST[id]:
            answer = eval(answer, {"np": np})  # noqa: S307  our own list
            arguments = LIST[id]["points"][0]
            answer(*(np.array(a) if isinstance(a, list) else a for a in arguments))  # it runs
        assert state(id, answer) == "wrong", answer


@pytest.mark.parametrize("id", VALUES)
def test_nobody_gets_through_with_a_sign_a_factor_or_nothing(id):
    value = LIST[id]["value"]
    wrong = [float("nan"), float("inf"), None, "", [], np.ones(3), True, False, complex(value, 7),
             np.complex128(value), {"value": value}, {value}, (v for v in [value]), lambda: value]
    if value:
        wrong += [-value, 2 * value, value / 2]
    for answer in wrong:
        assert state(id, answer) == "wrong", repr(answer)


@pytest.mark.parametrize("id", FUNCTIONS)
def test_a_table_of_the_given_points_is_rejected(id):
    right = getattr(_reference_functions, LIST[id]["function"])
    table = {repr(point): right(*map(exercises._argument, point)) for point in LIST[id]["points"]}

    def lookup(*arguments):
        key = repr([a.tolist() if isinstance(a, np.ndarray) else a if isinstance(a, int)
                    else float(a) for a in arguments])
        return table.get(key, next(iter(table.values())))

    assert state(id, lookup) == "wrong"


# ------------------------------------------------- the reference functions


def test_reference_functions_against_values_found_otherwise():
    functions = _reference_functions
    # Cho & Saul (2009); two-dimensional quadrature of E[relu' relu'] and E[relu relu].
    assert functions.relu_correlation(0.7) == pytest.approx(0.7994832652785417)
    assert functions.ntk_on_circle(0.7) == pytest.approx(0.6969528359274347)
    assert functions.zero_one_share(20, 10, 0.05) == pytest.approx(0.5244338498212157)
    assert functions.half_time(0.125) == pytest.approx(0.1663514575249281)
    assert functions.half_time(1e4) == pytest.approx(np.log(2) / 2)
    assert functions.kernel_growth(0.5, 2.0) == pytest.approx(17**0.5)
    assert functions.tip(2.0) == pytest.approx(2 / np.pi)
    assert functions.hidden_share(10, 1.0) == pytest.approx(9 / 11)
    assert functions.saving(8, 48.0, 1) == pytest.approx(48 / 7)
    parity = np.array([0, 1, 1, 0, 1, 0, 0, 1])
    for bits, influence in ((parity, 3), (0 * parity, 0), (np.arange(8) >> 2, 1),
                            (np.array([0, 0, 0, 1, 0, 1, 1, 1]), 1.5)):  # the majority
        assert functions.total_influence(bits) == influence


def test_reference_functions_against_the_package():
    from infinite_width.parametrizations import MUP, STANDARD

    for p, parametrization in ((0.5, STANDARD), (1.0, MUP), (0.5, STANDARD.with_learning_rate(1))):
        rates = parametrization.rate_exponents("sgd")
        assert _reference_functions.first_step_exponents(p, *rates[:3]) == pytest.approx(
            parametrization.first_step_exponents(3))


def test_values_that_were_computed():
    """Answers to exercises that no closed form in the test above covers."""
    from scipy import integrate, stats

    from infinite_width import ensemble_prior, rich_ensemble_prior

    flow = integrate.solve_ivp(
        lambda _, c: (np.sqrt(1 - c**2) + (np.pi - np.arccos(c)) * c) / np.pi - c, (0, 1), [0.0],
        rtol=1e-9)
    at_60 = 2 * _reference_functions.relu_correlation(np.pi / 3)
    gain = _reference_functions.ntk_on_circle(np.pi / 3)
    variance = _reference_functions.ensemble_variance(2, at_60, 2, 4, 4 * gain, np.inf)
    orthogonal = _reference_functions.ensemble_variance(2, 2 / np.pi, 2, 4, 2 / np.pi, np.inf)
    share = float(ensemble_prior.perfect_share(4, 0.25))
    one, c = np.ones(8), np.r_[-1, np.ones(7)]
    expected = {
        "step-kurtosis": 3 * (1 / stats.norm.sf(2) - 1),
        "residual-flow": flow.y[0, -1],
        "trained-ensembles-ages": (2 - gain * at_60) / np.sqrt(2 * variance),
        "trained-ensembles-shrink": np.sqrt((4 - (2 / np.pi) ** 2 / 4) / orthogonal),
        "ensemble-two-points": sum(stats.binom.pmf(k, 3, 0.5) / (1 + k) for k in range(4)),
        "ensemble-wrong-label": c @ np.linalg.solve(np.outer(c, c) + 7 * np.eye(8), one),
        "ensemble-committee": np.ceil(
            stats.norm.ppf(0.975) ** 2 * (1 - 0.25**2 * 4 / 1.75) / share**2),
        "ensemble-mean-field": float(rich_ensemble_prior.rich_threshold(2.0**-20, 0.5)),
        "ntk-imagenet-memory": 1_281_167 * 1_281_168 / 2 * 4 / 1e12,
        "squared-relu": [2 / 3, 1.01**32],
        "richness-growth-percent": 1 / np.sqrt(1.01**2 - 1),
        "threshold-functions-three": 104,  # the known number of threshold functions of 3 bits
    }
    for id, value in expected.items():
        assert LIST[id]["value"] == pytest.approx(value, rel=3e-4), id


def test_the_condition_number_of_the_exercise():
    from infinite_width.activations import ERF
    from infinite_width.kernels import mlp_kernels

    angles = np.array([-2.4, -2.3, -0.2, 0.9])
    inputs = np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], 1)
    ntk = mlp_kernels(inputs, depth=1, activation=ERF, weight_variance=4.0, bias_variance=0.5).ntk
    assert LIST["trained-ensembles-condition"]["value"] == pytest.approx(
        np.linalg.cond(np.asarray(ntk, float)), rel=0.01)
