"""Random numbers without a compilation per shape.

XLA takes a tenth of a second to compile a draw of random numbers, longer than a small model takes to train, and again
for every shape. JAX's random bits depend on the key and on a number's place alone, not on how many are drawn: so where
the key is a concrete one, as at the start of a model, what is drawn is a longer row of numbers from one of a few
programs, and its beginning is taken. The numbers are the same as those of `jax.random`; inside a traced function it
is called as it is.

Of a one-dimensional array of keys each draws its own: a *stack* of arrays, as a study needs them for its seeds.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.kept import Kept

ROWS = (256, 4096, 65_536, 262_144, 1_048_576)
"""Lengths of the rows that are drawn."""
STACK = 64
"""Keys whose rows are drawn by one program, where there are so many."""
WORTH_OPTIMISING = 20_000_000
"""Numbers from which on drawing them quickly is worth the compiler's time."""
HASTY: dict[str, Any] = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
}
"""XLA's settings for programs that run once: optimising a draw takes five times as long as leaving it as it is."""


def uniform(key: jax.Array, shape: tuple[int, ...], dtype: Any, low: Any, high: Any) -> jax.Array:
    """Independent draws between `low` and `high`."""
    return _drawn(jax.random.uniform, key, shape, dtype, low, high)


def normal(key: jax.Array, shape: tuple[int, ...], dtype: Any, mean: Any, stddev: Any) -> jax.Array:
    """Independent draws from a normal distribution."""
    return _drawn(_normal, key, shape, dtype, mean, stddev)


def truncated_normal(key: jax.Array, shape: tuple[int, ...], dtype: Any, mean: Any, stddev: Any) -> jax.Array:
    """Independent draws from a normal distribution cut off two standard deviations (before the cut) from its mean."""
    return _drawn(_truncated_normal, key, shape, dtype, mean, stddev)


def filled(key: jax.Array, shape: tuple[int, ...], dtype: Any, value: Any) -> jax.Array:
    """The same number everywhere; the key only tells whether a function is being traced."""
    if _traced(key, value):
        return jnp.full(shape, value, dtype)
    return jax.device_put(np.full((*_stack_of(key), *shape), value, dtype))


def key_of(seed: int) -> jax.Array:
    """`jax.random.key(seed)` for a seed of at most 32 bits; of JAX's own generator without a program to make it."""
    if getattr(jax.config, "jax_default_prng_impl") != "threefry2x32":  # noqa: B009
        return jax.random.key(seed)
    return _keys(np.array([0, seed], np.uint32))


def keys_of(seeds: Sequence[int]) -> jax.Array:
    """A stack of `key_of(seed)`, of JAX's own generator."""
    return _keys(np.array([(0, seed) for seed in seeds], np.uint32))


def draws_stacks() -> bool:
    """Whether JAX's settings are such that stacks can be drawn."""
    return _depends_on_place(key_of(0))


def split(key: jax.Array, count: int) -> jax.Array | list[jax.Array]:
    """`jax.random.split`."""
    if not _depends_on_place(key):
        return jax.random.split(key, count)
    longer = 16 if count <= 16 else 1 << (count - 1).bit_length()
    keys = _rows(key, "split", longer)
    if _stack_of(key):
        return [_keys(keys[:, place]) for place in range(count)]
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return list(map(jax.device_put, keys[:count]))
    return list(map(_keys, keys[:count]))


def drawn_once(function: Callable[..., Any], key: jax.Array, *static: Any) -> Any:
    """`function(key, *static)`, in one program unless it is already part of one. JAX knows the program again where the
    function is the same one.
    """
    if _traced(key, *static):
        return function(key, *static)
    size = _size(jax.eval_shape(lambda key: function(key, *static), key if not _stack_of(key) else key[0]))
    hasty = jax.default_backend() == "cpu" and size < WORTH_OPTIMISING
    places = tuple(range(1, len(static) + 1))
    if _stack_of(key):
        return jax.jit(_of_each, static_argnums=(1, *(place + 1 for place in places)))(key, function, *static)
    return jax.jit(function, static_argnums=places, compiler_options=HASTY if hasty else None)(key, *static)


def _of_each(keys: jax.Array, function: Callable[..., Any], *static: Any) -> Any:
    return jax.vmap(lambda key: function(key, *static))(keys)


def _normal(key: jax.Array, shape: tuple[int, ...], dtype: Any, mean: Any, stddev: Any) -> jax.Array:
    return mean + stddev * jax.random.normal(key, shape, dtype)


def _truncated_normal(key: jax.Array, shape: tuple[int, ...], dtype: Any, mean: Any, stddev: Any) -> jax.Array:
    return mean + stddev * jax.random.truncated_normal(key, -2.0, 2.0, shape, dtype)


def _drawn(kind: Callable[..., jax.Array], key: jax.Array, shape: Any, dtype: Any, *parameters: Any) -> jax.Array:
    size = math.prod(shape)
    if _traced(key, *parameters):
        return kind(key, shape, dtype, *parameters)
    if not _depends_on_place(key) or size > ROWS[-1]:
        return drawn_once(kind, key, tuple(shape), dtype, *parameters)
    length = next(length for length in ROWS if size <= length)
    limits = [np.asarray(parameter, dtype) for parameter in parameters]
    values = _rows(key, kind, length, np.dtype(dtype).name, *limits)
    return jax.device_put(values[..., :size].reshape(*_stack_of(key), *shape))


def _rows(key: jax.Array, kind: Any, length: int, dtype: str = "", *parameters: Any) -> np.ndarray:
    """The row of a key, or those of a stack."""
    numbers = np.asarray(jax.random.key_data(key))
    one = _row(kind, length, dtype)
    if not _stack_of(key):
        return np.asarray(one(numbers, *parameters))
    whole = len(numbers) - len(numbers) % STACK if length <= ROWS[1] else 0
    drawn = [_row(kind, length, dtype, STACK)(numbers[at : at + STACK], *parameters) for at in range(0, whole, STACK)]
    return np.concatenate([*drawn, *(np.asarray(one(own, *parameters))[None] for own in numbers[whole:])])


@functools.cache
def _row(kind: Any, length: int, dtype: str = "", stack: int = 0) -> Kept:
    """A compiled draw of so many numbers, given the key's own, or those of a stack of keys."""

    def draw(numbers: jax.Array, *parameters: jax.Array) -> jax.Array:
        key = _keys(numbers)
        if kind == "split":
            return jax.random.key_data(jax.random.split(key, length))
        return kind(key, (length,), jnp.dtype(dtype), *parameters)

    def draw_stack(numbers: jax.Array, *parameters: jax.Array) -> jax.Array:
        return jax.vmap(lambda own: draw(own, *parameters))(numbers)

    hasty = HASTY if jax.default_backend() == "cpu" else None
    name = kind if isinstance(kind, str) else kind.__name__
    function = jax.jit(draw_stack if stack else draw, compiler_options=hasty)
    return Kept(function, f"draw {name} {length} {dtype} {stack}")


def _keys(numbers: Any) -> jax.Array:
    return jax.random.wrap_key_data(numbers, impl="threefry2x32")


def _traced(*values: Any) -> bool:
    return any(isinstance(value, jax.core.Tracer) for value in values)


def _depends_on_place(key: jax.Array) -> bool:
    """Whether a number that is drawn depends on the key and its place alone."""
    partitionable = getattr(jax.config, "jax_threefry_partitionable")  # noqa: B009
    return not _traced(key) and partitionable and str(jax.random.key_impl(key)) == "threefry2x32"


def _stack_of(key: jax.Array) -> tuple[int, ...]:
    """`(number of keys,)` of a stack, `()` of one key."""
    return tuple(key.shape) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else ()


def _size(tree: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))
