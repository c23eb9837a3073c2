"""What breaks inside neural-tangents 0.6.5 on today's JAX, and its repair: predictions.

`apply` puts functions of this module in the place of neural-tangents' own. Each says what
broke, since which version of JAX (by its change log, or "by" the version in which it was
seen), and why it is equivalent. They use public JAX where neural-tangents used private parts.
"""

import contextlib
import functools
import types
from collections.abc import Callable
from typing import Any

import jax
import jax.core
import numpy as np
import scipy.linalg


def apply() -> None:
    """Repair neural-tangents' predictions; it must have been imported."""
    import neural_tangents as nt
    from neural_tangents._src import predict

    predict.lru_cache = _untraced_cache
    # `_untraced_cache` enters this context where that can work.
    predict.jax = types.SimpleNamespace(
        core=types.SimpleNamespace(eval_context=contextlib.nullcontext),
        default_backend=jax.default_backend,
    )
    predict.sp = types.SimpleNamespace(linalg=types.SimpleNamespace(eigvalsh=_eigvalsh))
    nt.predict.gradient_descent_mse_ensemble = _with_untraced_kernel(
        predict.gradient_descent_mse_ensemble
    )


def _untraced(function: Callable) -> Callable:
    """Evaluate `function` at once, even under `jit`, unless its values are themselves traced.

    Returns its value, and whether that is concrete. (`jax.ensure_compile_time_eval` would not
    do: it may give tracers, and accepts them in silence.)
    """

    @functools.wraps(function)
    def evaluated(*arguments: Any, **options: Any) -> tuple[Any, bool]:
        try:
            with jax.core.eval_context():
                return function(*arguments, **options), True
        except jax.errors.UnexpectedTracerError:
            return function(*arguments, **options), False

    return evaluated


def _untraced_cache(_size: int) -> Callable:
    """`functools.lru_cache` that never keeps a traced value.

    Broken: neural-tangents factorises under `jax.core.eval_context`, so that what it keeps is
    no tracer. Since jax 0.4.36 that fails when the kernel is one (a predictor made under `jit`,
    `grad` or `vmap`). `gp_inference` and the ensemble never did it, and leaked a tracer when
    they were first called under `jit` and then outside (an old bug). Here everything is
    computed outside the trace and kept where that is possible, otherwise in it and not kept.
    """

    def decorate(function: Callable) -> Callable:
        untraced, kept = _untraced(function), {}

        @functools.wraps(function)
        def cached(*arguments: Any) -> Any:
            if arguments in kept:
                return kept[arguments]
            value, concrete = untraced(*arguments)
            if concrete:
                kept[arguments] = value
            return value

        return cached

    return decorate


def _with_untraced_kernel(ensemble: Callable) -> Callable:
    """Let `gradient_descent_mse_ensemble` compute outside a trace the kernel that it keeps."""

    @functools.wraps(ensemble)
    def wrapped(kernel_fn: Callable, *arguments: Any, **options: Any) -> Callable:
        untraced = _untraced(kernel_fn)
        return ensemble(lambda *args, **kw: untraced(*args, **kw)[0], *arguments, **options)

    return wrapped


def _eigvalsh(matrix: Any, eigvals: tuple[int, int]) -> np.ndarray:
    """The eigenvalues with these indices, for `max_learning_rate`.

    Broken: scipy 1.14 took `eigvals` away; `subset_by_index` means the same.
    """
    return scipy.linalg.eigvalsh(np.asarray(matrix), subset_by_index=eigvals)
