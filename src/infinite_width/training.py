"""Training runs and ensembles of them, as compiled loops that record what is asked for.

The loss is 1/2 times the sum over examples of the squared residual, so that time, learning
rate times steps, is the t of `infinite_width.kernel_dynamics`.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree
from tqdm import tqdm

from infinite_width import _validate

CHUNKS = 20  # A run that shows progress is cut into about so many pieces.


def squared_loss(
    apply: Callable[[PyTree, Float[Array, "n d"]], Float[Array, "n outputs"]],
    x: Float[Array, "n d"],
    y: Float[Array, "n *outputs"],
) -> Callable[..., Float[Array, ""]]:
    """Return loss(params) = 1/2 sum_i |f(x_i) - y_i|^2.

    With a second argument, the indices of a mini-batch, the sum is over them and multiplied by
    n / batch size: an unbiased estimate, for which learning rates mean the same.

    Args:
        apply: The network, (params, x[n, d]) -> [n, outputs].
        x: Inputs.
        y: Targets, [n, outputs], or [n] for a network with one output.

    Raises:
        ValueError: `x` and `y` have different lengths; when called, the network's output does
            not have the targets' shape.
    """
    x, y = jnp.asarray(x), jnp.asarray(y)
    if x.ndim == 0 or y.ndim not in (1, 2) or len(x) != len(y):
        raise ValueError(f"y: expected one target for each input, x has shape {x.shape}; "
                         f"got shape {y.shape}")
    targets = y.reshape(len(y), -1)

    def loss(params, batch=None):
        inputs, wanted = (x, targets) if batch is None else (x[batch], targets[batch])
        output = apply(params, inputs)
        _validate.shape("y", wanted, output.shape, "as the network's output")
        return 0.5 * len(targets) / len(wanted) * jnp.sum((output - wanted) ** 2)

    return loss


def with_learning_rates(
    optimizer: optax.GradientTransformation, rates: PyTree[Float[Array, ""] | float]
) -> optax.GradientTransformation:
    """Multiply an optimiser's steps by one number for each parameter.

    Args:
        optimizer: With learning rate 1, for example ``optax.sgd(1.0)``.
        rates: Learning rates, shaped like the parameters: `MLP.learning_rates(base, ...)`.
    """
    scale = optax.stateless(lambda steps, params: jax.tree.map(jnp.multiply, steps, rates))
    return optax.chain(optimizer, scale)


def minibatches(
    key: PRNGKeyArray, count: int, batch_size: int, steps: int
) -> Int[Array, "steps batch_size"]:
    """Draw indices of mini-batches: every epoch a new order, its remainder left out.

    Raises:
        ValueError: A number is not an integer >= 1, or `batch_size` exceeds `count`.
    """
    for name, value in (("count", count), ("batch_size", batch_size), ("steps", steps)):
        _validate.at_least(name, value, 1, integer=True)
    if batch_size > count:
        raise ValueError(f"batch_size: expected at most count = {count}; got {batch_size}")
    per_epoch = count // batch_size
    keys = jax.random.split(key, -(-steps // per_epoch))
    orders = jax.vmap(lambda key: jax.random.permutation(key, count))(keys)
    return orders[:, : per_epoch * batch_size].reshape(-1, batch_size)[:steps]


def train(
    loss: Callable[..., Float[Array, ""]],
    params: PyTree,
    optimizer: optax.GradientTransformation,
    steps: int,
    *,
    record: Callable[[PyTree], PyTree] | None = None,
    at: Sequence[int] | None = None,
    batches: PyTree[Array] | None = None,
    progress: bool = True,
) -> tuple[PyTree, PyTree]:
    """Minimise `loss` by `steps` steps of an optimiser.

    Args:
        loss: params -> number, or (params, batch) -> number if there are `batches`.
        params: Where to start.
        optimizer: Any optax optimiser, with its learning rate; for one in each layer see
            `with_learning_rates`.
        steps: Number of steps.
        record: What to keep, a function of the parameters.
        at: When to keep it: increasing step numbers from 0 (before the first step) to `steps`
            (after the last). All of them when left out.
        batches: Array or tree of arrays, one batch for each step along the first axis.
        progress: Whether to show a bar if the run takes longer than a second. Under `jit`,
            `vmap` or `lax.map` there is none.

    Returns:
        The final parameters, and the records, stacked along a new first axis, one for each
        entry of `at`; None without `record`.

    Raises:
        ValueError: `steps` is not an integer >= 0, `at` is not increasing or leaves the run, or
            `batches` are not as many as steps.
    """
    _validate.at_least("steps", steps, 0, integer=True)
    at = np.arange(steps + 1) if at is None else np.asarray(at, dtype=int)
    if at.ndim != 1 or (np.diff(at) <= 0).any() or (at < 0).any() or (at > steps).any():
        raise ValueError(f"at: expected increasing step numbers from 0 to {steps}; got {at}")
    for leaf in jax.tree.leaves(batches):
        if jnp.shape(leaf)[:1] != (steps,):
            raise ValueError(f"batches: expected {steps} along the first axis, one a step; "
                             f"got shape {jnp.shape(leaf)}")
    if record is None or len(at) == 0:
        at = np.arange(0)
    progress = progress and not _traced((params, batches))

    # The run is one scan over stops: advance to the stop, then record if that is wanted.
    marks = np.linspace(0, steps, CHUNKS + 1).astype(int)[1:] if progress else np.array([steps])
    stops = np.union1d(at, marks)
    wanted = np.isin(stops, at)
    size = -(-len(stops) // CHUNKS) if progress else len(stops)
    padding = -len(stops) % size  # Equal pieces, so that one compilation serves all.
    stops, wanted = np.pad(stops, (0, padding), mode="edge"), np.pad(wanted, (0, padding))
    run = jax.jit(partial(_run, loss, optimizer, record))
    carry, kept = (params, optimizer.init(params), jnp.asarray(0)), []
    with progress_bar(steps, "training", show=progress) as advance:
        for first in range(0, len(stops), size):
            piece = slice(first, first + size)
            carry, records = run(carry, stops[piece], wanted[piece], batches)
            kept.append(jax.tree.map(lambda leaf, w=wanted[piece]: leaf[w], records))
            if progress:
                advance(int(jax.block_until_ready(carry[-1])))
    if record is None:
        return carry[0], None
    return carry[0], jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *kept)


def _traced(tree) -> bool:
    # Inside jit even a constant's negative is a tracer; under vmap only the arguments are.
    leaves = [jnp.negative(0), *jax.tree.leaves(tree)]
    return any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)


def _run(loss, optimizer, record, carry, stops, wanted, batches):
    def step(index, state):
        params, memory = state
        batch = () if batches is None else (jax.tree.map(lambda leaf: leaf[index], batches),)
        updates, memory = optimizer.update(jax.grad(loss)(params, *batch), memory, params)
        return optax.apply_updates(params, updates), memory

    def advance(carry, stop_wanted):
        stop, keep = stop_wanted
        params, memory, start = carry
        params, memory = jax.lax.fori_loop(start, stop, step, (params, memory))
        if record is None:
            return (params, memory, stop), None
        empty = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(record, params))
        # Records can be dear (a kernel), progress marks are not: skip what nobody asked for.
        return (params, memory, stop), jax.lax.cond(keep, record, lambda _: empty, params)

    return jax.lax.scan(advance, carry, (stops, wanted))


def ensemble(
    function: Callable[[PRNGKeyArray], PyTree],
    keys: PRNGKeyArray,
    *,
    batch_size: int | None = None,
    progress: bool = True,
) -> PyTree:
    """Call a function of one key, such as a whole training run, for many keys.

    Args:
        function: key -> tree of arrays; it is compiled once.
        keys: Keys along the first axis, ``jax.random.split(key, members)``.
        batch_size: How many to run side by side. One after the other when left out, which is
            faster for wide networks on a CPU; small ones gain from more.
        progress: Whether to show a bar if it takes longer than a second.

    Returns:
        The results, stacked along a new first axis, in the order of the keys.

    Raises:
        ValueError: There are no keys.
    """
    members = len(keys) if jnp.ndim(keys) else 0
    if members == 0:
        raise ValueError(f"keys: expected at least one along the first axis; got {keys!r}")
    progress = progress and not _traced(keys)
    size = -(-members // CHUNKS) if progress else members
    run = jax.jit(lambda keys: jax.lax.map(function, keys, batch_size=batch_size))
    # Equal pieces, so that one compilation serves all; the surplus is cut off at the end.
    index, kept = np.arange(-(-members // size) * size).reshape(-1, size) % members, []
    with progress_bar(members, "ensemble", show=progress) as advance:
        for piece in index:
            kept.append(jax.block_until_ready(run(keys[piece])))
            advance(min(len(kept) * size, members))
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[:members], *kept)


@contextmanager
def progress_bar(total: int, label: str, show: bool = True):
    """Show a text bar while somebody watches; yields a function to call with the number done.

    It appears after a second on a terminal or in a notebook that a person runs, writes to
    stdout and wipes itself out. A notebook that a program executes (nbclient, nbval) stores
    nothing of it.
    """
    with tqdm(total=total, desc=label, file=sys.stdout, leave=False, delay=1.0, ncols=72,
              disable=not (show and _watched())) as bar:
        yield lambda done: bar.update(done - bar.n)


def _watched() -> bool:
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython.get_ipython(), "kernel", None) if ipython else None
    if kernel is None:
        return sys.stdout.isatty()
    # A front end with a person in front of it can be asked for input; executors cannot.
    return bool(kernel.get_parent().get("content", {}).get("allow_stdin", False))
