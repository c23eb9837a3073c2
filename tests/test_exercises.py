"""Automatic checks accept what is right in every sensible form and reject slips."""

import json
import time
import warnings
from decimal import Decimal
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter

from infinite_width import _reference_functions, exercises
from infinite_width.measure import Estimate

LIST = exercises.load()
VALUES = [id for id, entry in LIST.items() if np.ndim(entry.get("value", [])) == 0]
LISTS = [id for id, entry in LIST.items() if isinstance(entry.get("value"), list)]
WORDS = [id for id, entry in LIST.items() if "word" in entry]
FUNCTIONS = [id for id, entry in LIST.items() if "function" in entry]

SMALL = {
    "number": dict(value=2.0, tolerance=0.01, hints=["Halve it.", "Once more."]),
    "zero": dict(value=0, tolerance=0.01, hints=["Nothing."]),
    "whole": dict(value=1026, tolerance=0, hints=["Count."]),
    "numbers": dict(value=[1.0, 2.0], tolerance=0.01, hints=["Two of them."]),
    "word": dict(word="no", choices={"no": "no", "not at all": "no", "yes": "yes"},
                 hints=["Think."]),
    "function": dict(function="double", points=[[1.0], [3.0]], random=[[0.0, 9.0]],
                     tolerance=1e-6, hints=["Double it."]),
    "array": dict(function="flip", points=[[[0, 1]]], random=[{"bits": [1, 3]}],
                  tolerance=1e-6, hints=["1 - bits."]),
}


@pytest.fixture
def small_list(monkeypatch):
    monkeypatch.setattr(exercises, "_list", lambda: SMALL)
    monkeypatch.setattr(_reference_functions, "double", lambda x: 2 * x, raising=False)
    monkeypatch.setattr(_reference_functions, "flip", lambda bits: (1 - bits).mean(),
                        raising=False)


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
    assert functions.relu_angle(0.5, 4) == pytest.approx(0.4057310337570711)
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

    from infinite_width import ensemble_prior

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
        "ensemble-mean-field": float(ensemble_prior.rich_threshold(2.0**-20, 0.5)),
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


# ------------------------------------------------------------------ the checker


def no_return(x):
    2 * x


def failing(x):
    raise KeyError("x")


def leaving(x):
    raise SystemExit(0)


@pytest.mark.parametrize("id, answer, expected", [
    ("number", 2.01, "ok"), ("number", 2.1, "wrong"), ("number", ..., "open"),
    ("zero", 0.001, "ok"), ("zero", 0.1, "wrong"), ("whole", 1026.0, "ok"),
    ("whole", 0.9 * 1140, "ok"), ("whole", 1025.9, "wrong"),
    ("numbers", [1, 2], "ok"), ("numbers", [2, 1], "wrong"), ("numbers", [1, ...], "open"),
    ("word", False, "ok"), ("word", np.bool_(False), "ok"), ("word", True, "wrong"),
    ("word", "Not at all.", "ok"), ("word", ..., "open"), ("word", 0, "wrong"),
    ("function", lambda x: 2 * x, "ok"), ("function", lambda x: x + 1, "wrong"),
    ("function", jax.jit(lambda x: 2 * x), "ok"), ("function", lambda x: ..., "open"),
    ("array", lambda bits: (bits == 0).mean(), "ok"), ("array", lambda bits: 0.5, "wrong"),
])
def test_grade(small_list, id, answer, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jax: float64 becomes float32
        result = exercises.grade(id, answer)
    assert result.state == expected and bool(result) == (expected == "ok")
    data, _ = DisplayFormatter().format(result)
    assert f'class="exercise-check {expected}"' in data["text/html"]
    assert json.dumps(data[exercises.MIME]) == json.dumps({"id": id, "state": expected})


@pytest.mark.parametrize("id, answer, message", [
    ("number", None, "expected a number; got None (is a `return` missing?)"),
    ("number", float("nan"), "expected a number; got NaN"),
    ("number", True, "expected a number; got True"),
    ("number", np.True_, "expected a number; got True"),
    ("number", np.array(True), "expected a number; got True or False"),
    ("number", 2 + 0j, "expected a number; got the complex number"),
    ("number", np.array([2 + 0j]), "expected a number; got a complex number"),
    ("number", "two", "expected a number; got the text 'two'"),
    ("number", "2,0", "expected a number; got the text '2,0'"),
    ("number", "1/0", "expected a number; got the text '1/0'"),
    ("number", [2.0, 2.0], "expected a number; got an array of shape (2,)"),
    ("number", lambda: 2.0, "expected a number; got a function (call it"),
    ("number", {"a": 2}, "expected a number; got {'a': 2} (dict)"),
    ("number", iter([2]), "expected a number; got <list_iterator"),
    ("number", object, "expected a number; got a function"),
    ("numbers", 1.0, "expected 2 numbers; got an array of shape ()"),
    ("numbers", [1.0, None], "expected 2 numbers; got None"),
    ("numbers", [[1, 2], [3]], "expected 2 numbers; got"),
    ("word", None, "expected a word in quotes; got None (NoneType)"),
    ("word", "perhaps", "expected one of no, yes; got 'perhaps'"),
    ("function", 2.0, "expected a function; got 2.0 (pass the function by its name"),
    ("function", no_return, "no_return(1): expected a number; got None (is a `return`"),
    ("function", failing, "failing(1) raised KeyError: 'x'"),
    ("function", lambda: 2.0, "<lambda>(1) raised TypeError"),
    ("function", lambda x: x + 1, "<lambda>(3) returns 4, which is not right. Double it."),
    ("function", lambda x: [x, x], "<lambda>(1): expected a number; got an array of shape (2,)"),
    ("function", lambda x: np.log(-x), "<lambda>(1): expected a number; got NaN"),
    ("array", lambda bits: bits, "<lambda>([0, 1]): expected a number; got an array of shape (2,)"),
    ("function", leaving, "your answer raised SystemExit"),
])
def test_messages(small_list, id, answer, message):
    result = exercises.grade(id, answer)
    assert result.state == "wrong" and message in result.message


def test_hints_come_one_after_the_other(small_list):
    first, second, third = (exercises.grade("number", 3, hint=k).message for k in (1, 2, 3))
    assert first == 'Halve it. Another hint: exercises.check("number", …, hint=2).'
    assert second == third == "Once more."
    for hint in (0, -1):
        with pytest.raises(ValueError, match="hint: expected an integer >= 1"):
            exercises.grade("number", 3, hint=hint)


def endless(x):
    while True:
        try:
            time.sleep(0.001)
        except Exception:
            pass


def test_an_endless_answer_is_stopped(small_list, monkeypatch):
    monkeypatch.setattr(exercises, "SECONDS", 0.05)
    begin = time.monotonic()
    assert "was stopped" in exercises.grade("function", endless).message
    assert time.monotonic() - begin < 5
    assert state("number", 2) == "ok"
    time.sleep(0.2)  # no timer is left behind


def test_an_interruption_by_the_user_goes_through(small_list):
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exercises.grade("function", interrupted)


def test_changing_the_list_changes_no_check():
    exercises.load()["two-outputs"]["value"] = 9
    assert state("two-outputs", 9) == "wrong"
    assert exercises.load()["two-outputs"]["value"] != 9


@pytest.mark.parametrize("id, near", [("two-output", "two-outputs"), ("none", None)])
def test_an_unknown_exercise(id, near):
    with pytest.raises(ValueError, match="id: expected one of the book's exercises") as caught:
        exercises.check(id, 1)
    assert near is None or repr(near) in str(caught.value)
    assert len(str(caught.value)) < 200
