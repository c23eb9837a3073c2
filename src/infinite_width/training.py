"""Training runs and ensembles of them, as compiled loops that record what is asked for.

The loss is 1/2 times the sum over examples of the squared residual, so that time, learning
rate times steps, is the t of `infinite_width.kernel_dynamics`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray, PyTree, Real, UInt32

from infinite_width import _progress, _validate
from infinite_width._pieces import joined, on_host

_CHUNKS = 20  # A run that shows progress is cut into about so many pieces.


def squared_loss(
    apply: Callable[[PyTree, Float[Array, "n d"]], Float[Array, "n outputs"]],
    x: Real[ArrayLike, "n d"],
    y: Sequence[float] | Real[ArrayLike, " n"] | Real[ArrayLike, "n outputs"],
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

    Example:
        >>> loss = squared_loss(lambda w, x: x @ w, jnp.eye(2), [1, 3])
        >>> float(loss(jnp.zeros((2, 1)))), float(loss(jnp.zeros((2, 1)), jnp.array([1])))
        (5.0, 9.0)
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
    optimizer: optax.GradientTransformation, rates: PyTree[Float[ArrayLike, ""]]
) -> optax.GradientTransformation:
    """Multiply an optimiser's steps by one number for each parameter.

    Args:
        optimizer: With learning rate 1, for example ``optax.sgd(1.0)``.
        rates: Learning rates, shaped like the parameters: `MLP.learning_rates(base, ...)`.

    Example:
        >>> from infinite_width.networks import MLP
        >>> rates = MLP(width=256, depth=2).learning_rates(0.01, "adam")
        >>> optimizer = with_learning_rates(optax.adam(1.0), rates)
    """
    scale = optax.stateless(lambda steps, params: jax.tree.map(jnp.multiply, steps, rates))
    return optax.chain(optimizer, scale)


def minibatches(
    key: PRNGKeyArray, count: int, batch_size: int, steps: int | np.integer
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
    steps: int | np.integer,
    *,
    record: Callable[[PyTree], PyTree] | None = None,
    at: Sequence[SupportsIndex] | Int[ArrayLike, " stops"] | None = None,
    batches: PyTree[Array] | None = None,
    progress: bool = True,
) -> tuple[PyTree, PyTree]:
    """Minimise `loss` by `steps` steps of an optimiser.

    Args:
        loss: params -> number, or (params, batch) -> number if there are `batches`.
        params: Where to start.
        optimizer: Any optax optimiser, with its learning rate; for one in each layer see
            `with_learning_rates`. Those that ask for the loss get it, as a number and as a
            function of the parameters (on the step's own batch): ``optax.lbfgs()``,
            ``optax.polyak_sgd()``, ``optax.contrib.reduce_on_plateau()``.
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

    Example:
        A step of rate 1/2 down w^2 / 2 halves w.

        >>> w, losses = train(lambda w: w**2 / 2, jnp.array(8.0), optax.sgd(0.5), 3,
        ...                   record=lambda w: w**2 / 2, at=[0, 3])
        >>> float(w), losses.tolist()
        (1.0, [32.0, 0.5])
    """
    _validate.at_least("steps", steps, 0, integer=True)
    at = np.arange(steps + 1) if at is None else np.asarray(at)
    whole = at.size == 0 or np.issubdtype(at.dtype, np.integer)
    if at.ndim != 1 or not whole or (np.diff(at) <= 0).any() or (at < 0).any() or (
            at > steps).any():
        raise ValueError(f"at: expected increasing step numbers from 0 to {steps}; got {at}")
    for leaf in jax.tree.leaves(batches):
        if jnp.shape(leaf)[:1] != (steps,):
            raise ValueError(f"batches: expected {steps} along the first axis, one a step; "
                             f"got shape {jnp.shape(leaf)}")
    if record is None or len(at) == 0:
        at = np.arange(0)
    progress = progress and not _traced((params, batches))

    # The run is one scan over stops: advance to the stop, then record if that is wanted.
    marks = np.linspace(0, steps, _CHUNKS + 1).astype(int)[1:] if progress else np.array([steps])
    stops = np.union1d(at, marks)
    wanted = np.isin(stops, at)
    size = -(-len(stops) // _CHUNKS) if progress else len(stops)
    padding = -len(stops) % size  # Equal pieces, so that one compilation serves all.
    stops, wanted = np.pad(stops, (0, padding), mode="edge"), np.pad(wanted, (0, padding))
    run = jax.jit(partial(_run, loss, optimizer, record))
    carry, kept = (params, optimizer.init(params), jnp.asarray(0)), []
    with _progress.bar(steps, "training", show=progress) as advance:
        for first in range(0, len(stops), size):
            piece = slice(first, first + size)
            carry, records = run(carry, stops[piece], wanted[piece], batches)
            kept.append(jax.tree.map(lambda leaf, w=wanted[piece]: on_host(leaf)[w], records))
            if progress:
                advance(int(jax.block_until_ready(carry[-1])))
    if record is None:
        return carry[0], None
    return carry[0], jax.tree.map(lambda *leaves: joined(leaves), *kept)


def _traced(tree) -> bool:
    # Inside jit even a constant's negative is a tracer; under vmap only the arguments are.
    leaves = [jnp.negative(0), *jax.tree.leaves(tree)]
    return any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)


def _run(loss, optimizer, record, carry, stops, wanted, batches):
    update = optax.with_extra_args_support(optimizer).update

    def step(index, state):
        params, memory = state
        batch = () if batches is None else (jax.tree.map(lambda leaf: leaf[index], batches),)
        value, gradient = jax.value_and_grad(loss)(params, *batch)
        # What an optimiser does not ask for is dead code to the compiler, and costs nothing.
        updates, memory = update(gradient, memory, params, value=value, grad=gradient,
                                 value_fn=lambda params: loss(params, *batch))
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


def over_keys(
    function: Callable[[PRNGKeyArray], PyTree],
    keys: Key[Array, " members"] | UInt32[Array, "members _"],
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

    Example:
        >>> keys = jax.random.split(jax.random.key(0), 5)
        >>> over_keys(lambda key: jax.random.normal(key, (3,)), keys).shape
        (5, 3)
    """
    members = len(keys) if jnp.ndim(keys) else 0
    if members == 0:
        raise ValueError(f"keys: expected at least one along the first axis; got {keys!r}")
    progress = progress and not _traced(keys)
    size = -(-members // _CHUNKS) if progress else members
    run = jax.jit(lambda keys: jax.lax.map(function, keys, batch_size=batch_size))
    # Equal pieces, so that one compilation serves all; the surplus is cut off at the end.
    index, kept = np.arange(-(-members // size) * size).reshape(-1, size) % members, []
    with _progress.bar(members, "over keys", show=progress) as advance:
        for piece in index:
            kept.append(jax.block_until_ready(run(keys[piece])))
            advance(min(len(kept) * size, members))
    return jax.tree.map(lambda *leaves: joined(leaves, members), *kept)
