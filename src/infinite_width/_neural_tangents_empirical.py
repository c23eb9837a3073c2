"""What breaks inside neural-tangents 0.6.5 on today's JAX, and its repair: empirical kernels.

`apply` puts functions of this module in the place of neural-tangents' own. Each says what
broke, since which version of JAX (by its change log, or "by" the version in which it was
seen), and why it is equivalent. They use public JAX where neural-tangents used private parts.
"""

import functools
import types
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.extend.core
import jax.extend.source_info_util
import jax.numpy as jnp
import numpy as np
from jax.interpreters import ad


def apply() -> None:
    """Repair neural-tangents' empirical kernels; it must have been imported."""
    from neural_tangents._src import empirical

    empirical._get_primals_out_and_pullback = _primals_out_and_pullback
    empirical._eqn_vjp_fn = _equation_transpose
    empirical._read_primal = _read_primal
    empirical._write_cotangent = _write_cotangent
    empirical._get_flops = _flops
    empirical._std_basis = _standard_basis
    empirical._unravel_array_into_pytree = _unravel
    empirical._get_fx_axis_and_dtype = _output_axes_and_dtype
    # `jax.interpreters.ad.source_info_util` is gone since jax 0.4.26; the backward pass names
    # profiler entries with it. These three are all that is still asked of `ad`.
    empirical.ad = types.SimpleNamespace(
        source_info_util=jax.extend.source_info_util,
        primitive_jvps=ad.primitive_jvps,
        is_undefined_primal=ad.is_undefined_primal,
    )


# Structured derivatives: the empirical NTK from the jaxpr of the linearised network.


def _primals_out_and_pullback(
    function: Callable, mode: Any, _j_rules: bool, _s_rules: bool, _fwd: bool | None, *primals: Any
) -> tuple[Any, Callable]:
    """Outputs of `function`, and neural-tangents' backward pass through its linearisation.

    Broken: `linear_util.wrap_init` demands debugging information (jax 0.5.1), and what the
    private `ad.linearize` returns has changed (by 0.7). `jax.linearize` gives the same linear
    map, and `jax.make_jaxpr` its equations.
    """
    from neural_tangents._src.empirical import _backward_pass

    flat, structure = jax.tree_util.tree_flatten(primals)
    with jax.disable_jit():  # inlines jitted functions: the rules know plain primitives only
        out, tangent_map = jax.linearize(
            lambda *leaves: function(*jax.tree_util.tree_unflatten(structure, leaves)), *flat
        )
        linear = jax.make_jaxpr(lambda *leaves: jax.tree_util.tree_leaves(tangent_map(*leaves)))
        closed = linear(*flat)
        if any(equation.primitive.name == "split" for equation in closed.eqns):
            closed = jax.make_jaxpr(functools.partial(_with_slices, closed))(*flat)

    def pullback(*cotangents: Any) -> Any:
        cotangents_in = _backward_pass(
            closed.jaxpr,
            mode=mode,
            consts=closed.consts,
            primals_in=[ad.UndefinedPrimal(variable.aval) for variable in closed.jaxpr.invars],
            cotangents_in=tuple(jax.tree_util.tree_leaves(cotangents)),
            _j_rules=_j_rules,
            _s_rules=_s_rules,
            _fwd=_fwd,
        )
        return jax.tree_util.tree_unflatten(structure, cotangents_in)

    return out, pullback


def _with_slices(closed: Any, *arguments: jax.Array) -> list[jax.Array]:
    """Evaluate a jaxpr, taking slices where it has `split`.

    Broken: `jnp.split` has become a primitive (jax 0.4.38). It has several outputs, and
    neural-tangents follows primitives with one. Before, it was these slices.
    """
    values = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
    values.update(zip(closed.jaxpr.invars, arguments, strict=True))

    def read(variable: Any) -> Any:
        return variable.val if isinstance(variable, jax.extend.core.Literal) else values[variable]

    for equation in closed.eqns:
        inputs = [read(variable) for variable in equation.invars]
        if equation.primitive.name == "split":
            axis, sizes = equation.params["axis"], equation.params["sizes"]
            ends = np.cumsum(sizes)
            outputs = [
                jax.lax.slice_in_dim(inputs[0], int(end - size), int(end), axis=axis)
                for size, end in zip(sizes, ends, strict=True)
            ]
        else:
            outputs = equation.primitive.bind(*inputs, **equation.params)
            outputs = outputs if equation.primitive.multiple_results else [outputs]
        values.update(zip(equation.outvars, outputs, strict=True))
    return [read(variable) for variable in closed.jaxpr.outvars]


def _equation_transpose(equation: Any, cotangent: Any, *inputs: Any) -> Sequence[Any]:
    """Cotangents of an equation's linear inputs, None for the others.

    Broken: `ad.source_info_util` (gone in jax 0.4.26), `ad.reducing_transposes` (gone in 0.10),
    `Primitive.map_primitive` (by 0.12), and how transposition rules are called (by 0.10).
    `jax.linear_transpose` of the equation applies the same rules.
    """
    if equation is None:  # the identity
        return (cotangent,)
    out = [None] * len(inputs)
    if isinstance(cotangent, ad.Zero):
        return out
    linear = [i for i, value in enumerate(inputs) if isinstance(value, ad.UndefinedPrimal)]

    def evaluated(*linear_inputs: jax.Array) -> jax.Array:
        arguments = list(inputs)
        for i, value in zip(linear, linear_inputs, strict=True):
            arguments[i] = value
        result = equation.primitive.bind(*arguments, **equation.params)
        return result[0] if equation.primitive.multiple_results else result

    avals = [jax.ShapeDtypeStruct(inputs[i].aval.shape, inputs[i].aval.dtype) for i in linear]
    for i, value in zip(linear, jax.linear_transpose(evaluated, *avals)(cotangent), strict=True):
        out[i] = value
    return out


def _read_primal(values: dict, variable: Any) -> Any:
    """The value of a variable, or that it has none.

    Broken: `jax.core.DShapedArray` (gone by jax 0.10); without dynamic shapes nothing is left
    of what was done with it.
    """
    if isinstance(variable, jax.extend.core.Literal):
        return variable.val
    return values.get(variable, ad.UndefinedPrimal(variable.aval))


def _write_cotangent(primitive: Any, cotangents: dict, variable: Any, value: Any) -> None:
    """Add to the cotangent of a variable.

    Broken: `ad.config` (gone in jax 0.4.26), which switched on a check of types.
    """
    if value is None or isinstance(value, ad.Zero):
        return
    if isinstance(variable, jax.extend.core.Literal):
        return
    if variable in cotangents:
        value = ad.add_tangents(cotangents[variable], value)
    cotangents[variable] = value


def _flops(function: Callable, optimize: bool, *arguments: Any, **options: Any) -> float:
    """Cost of a call, by which `NtkImplementation.AUTO` chooses.

    Broken: the compiled `cost_analysis` returns a dictionary, no list of one (jax 0.4.38).
    """
    lowered = jax.jit(function).lower(*arguments, **options)
    return (lowered.compile() if optimize else lowered).cost_analysis()["flops"]


# Shapes and dtypes of leaves that may be arrays or abstract values.


def _standard_basis(tree: Any) -> Any:
    """A tree like `tree` whose leaves have a new first axis: the standard basis.

    Broken: `jnp.size` of abstract values (deprecated by jax 0.10).
    """
    leaves = jax.tree_util.tree_leaves(tree)
    size = sum(int(np.prod(leaf.shape)) for leaf in leaves)
    return _unravel(tree, 1, jnp.eye(size, dtype=jnp.result_type(*[leaf.dtype for leaf in leaves])))


def _unravel(tree: Any, axis: int, array: jax.Array) -> Any:
    """Cut `array` along `axis` into leaves shaped like those of `tree`.

    Broken: as in `_standard_basis`, for networks with several outputs.
    """
    leaves, structure = jax.tree_util.tree_flatten(tree)
    axis %= max(array.ndim, 1)
    ends = np.cumsum([int(np.prod(leaf.shape)) for leaf in leaves])
    parts = [
        part.reshape(array.shape[:axis] + tuple(leaf.shape) + array.shape[axis + 1 :])
        for leaf, part in zip(leaves, jnp.split(array, ends[:-1], axis), strict=True)
    ]
    return jax.tree_util.tree_unflatten(structure, parts)


def _output_axes_and_dtype(output: Any, axes: Any, params: Any) -> tuple[Any, Any]:
    """The output's vmap axes (None by default) and the parameters' common dtype.

    Broken: `jnp.dtype(array)` where `array.dtype` is meant (deprecated by jax 0.10).
    """
    if axes is None:
        axes = jax.tree_util.tree_map(lambda leaf: None, output)
    dtypes = [leaf.dtype for leaf in jax.tree_util.tree_leaves(params)]
    return axes, functools.reduce(jnp.promote_types, dtypes) if dtypes else None
