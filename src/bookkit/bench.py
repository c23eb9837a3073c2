"""What the package's speed is, as ratios of one run: `make bench`.

Every table times its rows in turn, once a round, so that another program's load meets all of
them, and prints the median round: the time on the clock, and the processor time of all threads,
which others' load disturbs less. Compilation is timed apart, by the first call.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from infinite_width.activations import ERF, RELU
from infinite_width.kernels import empirical_ntk, mlp_kernels
from infinite_width.networks import MLP
from infinite_width.training import over_keys, squared_loss, train


def compare(title: str, rows: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Time functions without arguments; print a table and return the medians in seconds.

    The first row is what the others are compared with: a ratio of 4 means four times as fast.
    """

    def seconds(function):
        start = time.perf_counter(), time.process_time()
        jax.block_until_ready(function())
        return time.perf_counter() - start[0], time.process_time() - start[1]

    first = {name: seconds(function)[0] for name, function in rows.items()}
    times = {name: [] for name in rows}
    for _ in range(rounds):
        for name, function in rows.items():
            times[name].append(seconds(function))
    medians = {name: tuple(map(statistics.median, zip(*values, strict=True)))
               for name, values in times.items()}
    reference = medians[next(iter(rows))]
    print(f"\n{title}\n{'':32}{'clock ms':>10}{'ratio':>8}{'processor ms':>14}{'ratio':>8}"
          f"{'compile s':>11}")
    for name, median in medians.items():
        cells = "".join(f"{1e3 * own:{width}.1f}{theirs / own:8.2f}" for own, theirs, width
                        in zip(median, reference, (10, 14), strict=True))
        print(f"{name:32}{cells}{max(first[name] - median[0], 0):11.1f}", flush=True)
    return {name: median[0] for name, median in medians.items()}


def _normal(shape, dtype, seed):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def kernels(count: int, rounds: int) -> None:
    """Three hidden layers: `mlp_kernels`, neural-tangents under jit, and x x^T alone."""
    from infinite_width.neural_tangents import stax

    for dtype in (jnp.float32, jnp.float64):
        x, other = _normal((count, 20), dtype, 0), _normal((count, 20), dtype, 1)
        for activation, layer in ((RELU, stax.Relu()), (ERF, stax.Erf())):
            hidden = [stax.Dense(1, 2**0.5, 0.1), layer] * 3
            kernel = stax.serial(*hidden, stax.Dense(1, 2**0.5, 0.1))[2]
            for name, x2 in (("symmetric", None), ("cross", other)):
                theirs = jax.jit(lambda a, b, kernel=kernel: tuple(kernel(a, b, ("nngp", "ntk"))))
                product = jax.jit(lambda a, b: a @ b.T)
                compare(
                    f"Kernels, {count} inputs, {activation.name}, {name}, {jnp.dtype(dtype).name}",
                    {
                        "neural-tangents": lambda f=theirs, a=x, b=x2: f(a, b),
                        "mlp_kernels": lambda a=x, b=x2, activation=activation: mlp_kernels(
                            a, b, depth=3, activation=activation, bias_variance=0.01),
                        "x x^T alone": lambda f=product, a=x, b=x2: f(a, a if b is None else b),
                    },
                    rounds,
                )


def ensemble(members: int, rounds: int) -> None:
    """Networks trained from `members` keys: `over_keys`, and loops in Python."""
    x, y = _normal((20, 3), jnp.float32, 0), _normal((20,), jnp.float32, 1)
    network, steps, optimizer = MLP(64, 2), 100, optax.sgd(0.01)
    loss = squared_loss(network.apply, x, y)

    def one(key):
        params, _ = train(loss, network.init(key, 3), optimizer, steps, progress=False)
        return network.apply(params, x)

    @jax.jit
    def step(params, memory):
        updates, memory = optimizer.update(jax.grad(loss)(params), memory, params)
        return optax.apply_updates(params, updates), memory

    init, run = jax.jit(lambda key: network.init(key, 3)), jax.jit(one)
    together = jax.jit(lambda keys: over_keys(one, keys, progress=False, batch_size=10))
    keys = jax.random.split(jax.random.key(0), members)

    def step_by_step():
        results = []
        for key in keys:
            params = init(key)
            memory = optimizer.init(params)
            for _ in range(steps):
                params, memory = step(params, memory)
            results.append(network.apply(params, x))
        return results

    compare(
        f"{members} networks of width 64, {steps} steps each",
        {
            "Python loop, a compiled step": step_by_step,
            "Python loop, a compiled run": lambda: [run(key) for key in keys],
            "over_keys, ten side by side": lambda: together(keys),
        },
        rounds,
    )


def tangent_kernels(count: int, width: int, rounds: int) -> None:
    """Finite networks: the product formula, products with vectors, Jacobians."""
    from infinite_width.neural_tangents import nt

    x = _normal((count, 20), jnp.float32, 0)
    network = MLP(width, 3, bias_variance=0.1)
    params = network.init(jax.random.key(0), 20)

    def jacobians(params, x):
        rows = jax.vmap(jax.grad(lambda p, x: network.apply(p, x)[0]), (None, 0))(params, x)
        flat = [leaf.reshape(count, -1) for leaf in jax.tree.leaves(rows)]
        return sum(leaf @ leaf.T for leaf in flat)

    structured = nt.empirical_ntk_fn(
        lambda p, x: network.apply(p, x), trace_axes=(), vmap_axes=0,
        implementation=nt.NtkImplementation.STRUCTURED_DERIVATIVES)
    functions = {
        "Jacobians": jax.jit(jacobians),
        "neural-tangents": jax.jit(lambda p, x: structured(x, None, p)),
        "empirical_ntk": jax.jit(lambda p, x: empirical_ntk(network.apply, p, x)),
        "MLP.tangent_kernel": jax.jit(lambda p, x: network.tangent_kernel(p, x)),
    }
    compare(
        f"Tangent kernel of {count} inputs, three hidden layers of width {width}",
        {name: lambda f=f: f(params, x) for name, f in functions.items()},
        rounds,
    )


def main() -> None:
    """Print all tables; sizes and the number of rounds are options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="inputs of the kernels")
    parser.add_argument("--members", type=int, default=150, help="networks in the ensemble")
    parser.add_argument("--width", type=int, default=512, help="of the network's hidden layers")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    device = jax.devices()[0]
    print(f"jax {jax.__version__} on {device.platform} ({device.device_kind})")
    with jax.enable_x64(True):
        kernels(options.count, options.rounds)
    ensemble(options.members, options.rounds)
    tangent_kernels(100, options.width, options.rounds)
