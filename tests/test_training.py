import io
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

from infinite_width import _progress
from infinite_width.training import (
    _run,
    minibatches,
    over_keys,
    squared_loss,
    train,
    with_learning_rates,
)

KEY = jax.random.key(9)
EPS = float(jnp.finfo(jnp.zeros(()).dtype).eps)
A = np.array([[1.0, 0.2], [0.4, -0.8], [0.3, 0.5], [-0.6, 0.1]])
Y = np.array([1.0, -1.0, 0.5, 2.0])
START = np.array([0.3, -0.2])


def linear(params, x):
    return x @ params[:, None]


LOSS = squared_loss(linear, A, Y)


def closed_form(rate, step):
    """Gradient descent on least squares: w_k = w* + (1 - rate A^T A)^k (w_0 - w*)."""
    best = np.linalg.lstsq(A, Y, rcond=None)[0]
    return best + np.linalg.matrix_power(np.eye(2) - rate * A.T @ A, step) @ (START - best)


def test_training_is_the_closed_form():
    at = [0, 1, 5, 17, 40]
    final, records = train(LOSS, jnp.asarray(START), optax.sgd(0.1), 60,
                           record=lambda w: w, at=at)
    expected = np.stack([closed_form(0.1, step) for step in at])
    assert_allclose(records, expected, rtol=100 * EPS, atol=100 * EPS)
    assert_allclose(final, closed_form(0.1, 60), rtol=100 * EPS, atol=100 * EPS)


@pytest.mark.parametrize("steps", [0, 1, 7, 45])
@pytest.mark.parametrize("progress", [False, True])
def test_every_step_is_recorded_in_order(steps, progress):
    final, records = train(LOSS, jnp.asarray(START), optax.sgd(0.1), steps,
                           record=lambda w: {"w": w, "loss": LOSS(w)}, progress=progress)
    assert records["w"].shape == (steps + 1, 2)
    assert_allclose(records["w"][-1], final, rtol=0)
    assert_allclose(records["w"][0], START, rtol=EPS)
    assert (np.diff(records["loss"]) < 0).all()


@pytest.mark.parametrize("at", [[0], [3], [40], [0, 40], range(0, 41, 2), range(40)])
def test_records_are_the_same_with_and_without_progress(at):
    one, two = (train(LOSS, jnp.asarray(START), optax.sgd(0.1), 40, record=LOSS, at=at,
                      progress=progress) for progress in (True, False))
    assert one[1].shape == (len(at),)
    assert_allclose(one[1], two[1], rtol=10 * EPS)
    assert_allclose(one[0], two[0], rtol=10 * EPS)


def test_without_a_record_there_is_none():
    assert train(LOSS, jnp.asarray(START), optax.sgd(0.1), 3)[1] is None
    assert train(LOSS, jnp.asarray(START), optax.sgd(0.1), 3, at=[1])[1] is None


@pytest.mark.slow
def test_under_jit_map_and_vmap():
    def run(rate):
        # Parameters and data are constants here; only the rate is traced.
        return train(LOSS, jnp.asarray(START), optax.sgd(rate), 10, record=LOSS, at=[10])

    rates = jnp.array([0.05, 0.1])
    expected = [closed_form(0.05, 10), closed_form(0.1, 10)]
    for transformed in (jax.vmap(run), jax.jit(jax.vmap(run)), lambda r: jax.lax.map(run, r)):
        final, records = transformed(rates)
        assert_allclose(final, expected, rtol=100 * EPS)
        assert records.shape == (2, 1)


@pytest.mark.slow
def test_momentum_and_memory_survive_the_pieces():
    optimizer = optax.adam(0.05)
    w, memory = jnp.asarray(START), optimizer.init(jnp.asarray(START))
    for _ in range(30):
        updates, memory = optimizer.update(jax.grad(LOSS)(w), memory, w)
        w = optax.apply_updates(w, updates)
    assert_allclose(train(LOSS, jnp.asarray(START), optimizer, 30)[0], w, rtol=1000 * EPS)


def test_learning_rates_by_layer():
    params = {"a": jnp.ones(2), "b": jnp.ones(3)}
    optimizer = with_learning_rates(optax.sgd(1.0), {"a": 0.5, "b": 0.0})
    final, _ = train(lambda p: p["a"].sum() + p["b"].sum(), params, optimizer, 2)
    assert_allclose(final["a"], 0)
    assert_allclose(final["b"], 1)
    # A rate behind Adam scales its step; Adam itself ignores the size of a loss.
    optimizer = with_learning_rates(optax.adam(1.0), {"a": 0.5, "b": 0.25})
    final, _ = train(lambda p: 7 * p["a"].sum() + p["b"].sum(), params, optimizer, 1)
    assert_allclose(final["a"], 0.5, rtol=1e-5)
    assert_allclose(final["b"], 0.75, rtol=1e-5)


@pytest.mark.slow
def test_squared_loss():
    assert_allclose(LOSS(jnp.asarray(START)), 0.5 * ((A @ START - Y) ** 2).sum(), rtol=10 * EPS)
    both = squared_loss(lambda w, x: x @ w, A, np.stack([Y, -Y], 1))
    assert_allclose(both(jnp.zeros((2, 2))), (Y**2).sum(), rtol=10 * EPS)
    # All mini-batches of two together average to the whole.
    pairs = [(i, j) for i in range(4) for j in range(4) if i < j]
    average = np.mean([LOSS(jnp.asarray(START), jnp.array(pair)) for pair in pairs])
    assert_allclose(average, LOSS(jnp.asarray(START)), rtol=10 * EPS)


@pytest.mark.slow
def test_minibatches():
    index = minibatches(KEY, 10, 3, 8)
    assert index.shape == (8, 3)
    for epoch in (index[:3], index[3:6]):
        assert len(np.unique(epoch)) == 9
    assert not np.array_equal(index[:3], index[3:6])
    assert_allclose(index, minibatches(KEY, 10, 3, 8))
    assert not np.array_equal(index, minibatches(jax.random.key(10), 10, 3, 8))
    assert (np.sort(minibatches(KEY, 4, 4, 1)[0]) == np.arange(4)).all()


@pytest.mark.slow
def test_training_on_minibatches():
    batches = minibatches(KEY, 4, 2, 25)
    w = START
    for index in np.asarray(batches):
        a = A[index]
        w = w - 0.05 * 2 * a.T @ (a @ w - Y[index])  # 2 = examples / batch size
    for progress in (True, False):
        final, _ = train(LOSS, jnp.asarray(START), optax.sgd(0.05), 25, batches=batches,
                         progress=progress)
        assert_allclose(final, w, rtol=100 * EPS, atol=100 * EPS)


def test_polyak_steps_are_the_closed_form():
    # The loss |w|^2 / 2 divided by its squared gradient is 1/2: every step halves w.
    final, records = train(lambda w: 0.5 * (w**2).sum(), jnp.asarray(START), optax.polyak_sgd(), 5,
                           record=lambda w: w)
    expected = START / 2.0 ** np.arange(6)[:, None]
    assert_allclose(records, expected, rtol=100 * EPS)
    assert_allclose(final, expected[-1], rtol=100 * EPS)


@pytest.mark.slow
def test_polyak_steps_on_minibatches_are_relaxed_projections():
    # With one example a step the value is its own: the step halves that example's residual.
    batches = minibatches(KEY, 4, 1, 10)
    w = START
    for (i,) in np.asarray(batches):
        w = w - 0.5 * (A[i] @ w - Y[i]) / (A[i] @ A[i]) * A[i]
    final, _ = train(LOSS, jnp.asarray(START), optax.polyak_sgd(), 10, batches=batches)
    assert_allclose(final, w, rtol=1000 * EPS)


@pytest.mark.slow
def test_lbfgs_finds_the_least_squares_solution():
    best = np.linalg.lstsq(A, Y, rcond=None)[0]
    final, _ = train(LOSS, jnp.asarray(START), optax.lbfgs(), 20)
    # The loss is flat to sqrt(eps) around its minimum, and so far its values can lead.
    assert_allclose(final, best, rtol=10 * EPS**0.5)


@pytest.mark.slow
def test_lbfgs_searches_along_the_loss_of_its_own_batch():
    batches = minibatches(KEY, 4, 2, 12)
    _, records = train(LOSS, jnp.asarray(START), optax.lbfgs(), 12, batches=batches,
                       record=lambda w: w, progress=False)

    def loss(w, index):
        return ((A[index] @ w - Y[index]) ** 2).sum()

    w, pairs, all_of_them = np.asarray(records), np.asarray(batches), np.arange(4)
    before = np.array([loss(*pair) for pair in zip(w[:-1], pairs)])
    after = np.array([loss(*pair) for pair in zip(w[1:], pairs)])
    assert (after <= before * (1 + 10 * EPS) + EPS).all() and (after < 0.9 * before).any()
    full = [loss(one, all_of_them) for one in w]
    assert (np.diff(full) > 0).any()  # so the search did not see the whole loss


def test_reduce_on_plateau_sees_the_values():
    values = jnp.array([3.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5])

    def loss(w, batch):  # the value is the batch, the gradient is one
        return w - jax.lax.stop_gradient(w) + batch

    optimizer = optax.chain(
        optax.sgd(1.0), optax.contrib.reduce_on_plateau(factor=0.5, patience=2))
    _, records = train(loss, jnp.asarray(0.0), optimizer, 8, batches=values, record=lambda w: w)
    # The values of steps 4 and 5 are no better than that of step 3, nor are those of 6 and 7.
    assert_allclose(-np.diff(records), [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25])


def test_an_optimiser_that_ignores_the_value_pays_nothing_for_it():
    def cost(function, *arguments):
        return jax.jit(function).lower(*arguments).compile().cost_analysis()["flops"]

    w = jnp.asarray(START)

    def dear(w):  # its value takes two thousand operations that its gradient does not need
        return LOSS(w) + jax.lax.stop_gradient(((jnp.arange(1.0, 1001.0) + w[0]) ** 2).sum())

    def flops(loss, optimizer):
        carry = (w, optimizer.init(w), jnp.asarray(0))
        stops, wanted = np.array([3]), np.array([False])
        return cost(lambda carry: _run(loss, optimizer, None, carry, stops, wanted, None), carry)

    assert flops(dear, optax.sgd(0.1)) < flops(LOSS, optax.sgd(0.1)) + 100
    assert flops(dear, optax.polyak_sgd()) > flops(LOSS, optax.polyak_sgd()) + 1900


@pytest.mark.slow
@pytest.mark.parametrize("members", [1, 20, 43])
def test_over_keys(members):
    keys = jax.random.split(KEY, members)
    expected = np.stack([jax.random.normal(key, (3,)) for key in keys])
    for options in ({}, {"progress": False}, {"batch_size": 2}):
        result = over_keys(lambda key: {"x": jax.random.normal(key, (3,))}, keys, **options)
        assert_allclose(result["x"], expected, rtol=10 * EPS)
    legacy = jax.random.split(jax.random.PRNGKey(0), members)
    assert over_keys(lambda key: jax.random.uniform(key), legacy).shape == (members,)


@pytest.mark.slow
def test_runs_over_keys():
    def run(key):
        start = jax.random.normal(key, (2,))
        return train(LOSS, start, optax.sgd(0.1), 5, record=LOSS, at=[0, 5])[1]

    losses = over_keys(run, jax.random.split(KEY, 7))
    assert losses.shape == (7, 2)
    assert (losses[:, 1] < losses[:, 0]).all()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_goes_to_stdout_and_wipes_itself(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    plain = _progress.tqdm
    at_once = {"delay": 0, "mininterval": 0}
    monkeypatch.setattr(_progress, "tqdm", lambda **options: plain(**(options | at_once)))
    train(LOSS, jnp.asarray(START), optax.sgd(0.1), 40)
    text = terminal.getvalue()
    assert "training" in text and "100%" in text
    assert "\n" not in text
    assert text.rsplit("\r", 1)[1].strip() == "" and text.split("\r")[-2].strip() == ""
    assert capsys.readouterr().err == ""
    shown = len(text)
    train(LOSS, jnp.asarray(START), optax.sgd(0.1), 40, progress=False)
    assert len(terminal.getvalue()) == shown


def test_a_short_run_and_an_unwatched_one_show_nothing(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    with _progress.bar(2, "short") as advance:
        advance(2)
    assert terminal.getvalue() == ""
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stdout", pipe)
    assert not _progress.watched()


@pytest.mark.slow
def test_an_executed_notebook_stores_nothing_of_it():
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    source = "\n".join([
        "import time",
        "from infinite_width import _progress",
        "with _progress.bar(3, 'demo') as advance:",
        "    for done in (1, 2, 3):",
        "        time.sleep(0.5)",
        "        advance(done)",
        "print('done')",
    ])
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    assert [(output["output_type"], output.get("text")) for output in notebook.cells[0].outputs] \
        == [("stream", "done\n")], json.dumps(notebook.cells[0].outputs)


@pytest.mark.parametrize(
    "options, name",
    [
        ({"steps": -1}, "steps:"),
        ({"steps": 2.0}, "steps:"),
        ({"at": [0, 6]}, "at:"),
        ({"at": [-1]}, "at:"),
        ({"at": [2, 2]}, "at:"),
        ({"at": [3, 1]}, "at:"),
        ({"at": [0.5]}, "at:"),
        ({"batches": jnp.zeros((4, 2), int)}, "batches:"),
    ],
)
def test_bad_runs(options, name):
    arguments = {"steps": 5, "record": LOSS} | options
    with pytest.raises(ValueError, match=f"^{name}"):
        train(LOSS, jnp.asarray(START), optax.sgd(0.1), **arguments)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: squared_loss(linear, A, Y[:3]), "y:"),
        (lambda: squared_loss(linear, A, np.stack([Y, Y], 1))(jnp.zeros(2)), "y:"),
        (lambda: minibatches(KEY, 4, 5, 1), "batch_size:"),
        (lambda: minibatches(KEY, 4, 0, 1), "batch_size:"),
        (lambda: over_keys(lambda key: key, jax.random.split(KEY, 3)[:0]), "keys:"),
    ],
)
def test_bad_input(call, name):
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
