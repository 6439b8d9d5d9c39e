"""Random numbers without compiling a program.

Where a key is a concrete one, as at the start of a model, NumPy draws the numbers of `jax.random` (`on_host.py`);
inside a traced function, and for what NumPy does not draw here, `jax.random` does.

Of a one-dimensional array of keys each draws its own: a *stack* of arrays, as a study needs them for its seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepkit.initializers import on_host
from deepkit.kernels import compiler_options
from deepkit.kernels.threefry import is_threefry, key_of

MOST = 2**22
"""Numbers up to which NumPy draws them: of more, a program that is compiled takes less time."""
WORTH_OPTIMISING = 20_000_000
"""Numbers from which on drawing them quickly is worth the compiler's time."""


def uniform(key: jax.Array, shape: tuple[int, ...], dtype: Any, low: Any, high: Any) -> jax.Array:
    """Independent draws between `low` and `high`."""
    return _drawn(on_host.uniform, jax.random.uniform, key, shape, dtype, low, high)


def normal(key: jax.Array, shape: tuple[int, ...], dtype: Any, mean: Any, stddev: Any) -> jax.Array:
    """Independent draws from a normal distribution."""
    return _drawn(on_host.normal, _normal, key, shape, dtype, mean, stddev)


def truncated_normal(key: jax.Array, shape: tuple[int, ...], dtype: Any, mean: Any, stddev: Any) -> jax.Array:
    """Independent draws from a normal distribution cut off two standard deviations (before the cut) from its mean."""
    return _drawn(on_host.truncated_normal, _truncated_normal, key, shape, dtype, mean, stddev)


def filled(key: jax.Array, shape: tuple[int, ...], dtype: Any, value: Any) -> jax.Array:
    """The same number everywhere; the key only tells whether a function is being traced."""
    if _traced(key, value):
        return jnp.full(shape, value, dtype)
    return jax.device_put(np.full((*_stack_of(key), *shape), value, dtype))


def keys_of(seeds: Sequence[int]) -> jax.Array:
    """A stack of `jax.random.key(seed)`, of JAX's own generator."""
    return _keys(np.array([(0, seed) for seed in seeds], np.uint32))


def draws_stacks() -> bool:
    """Whether JAX's settings are such that stacks can be drawn."""
    return _depends_on_place(key_of(0))


def split(key: jax.Array, count: int) -> jax.Array | list[jax.Array]:
    """`jax.random.split`."""
    if not _depends_on_place(key):
        return jax.random.split(key, count)
    keys = on_host.split(_words(key), count)
    if _stack_of(key):
        return [_keys(keys[:, place]) for place in range(count)]
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return list(map(jax.device_put, keys[0]))
    return list(map(_keys, keys[0]))


def drawn_once(function: Callable[..., Any], key: jax.Array, *static: Any) -> Any:
    """`function(key, *static)`, in one program unless it is already part of one. JAX knows the program again where the
    function is the same one.
    """
    if _traced(key, *static):
        return function(key, *static)
    size = _size(jax.eval_shape(lambda key: function(key, *static), key if not _stack_of(key) else key[0]))
    places = tuple(range(1, len(static) + 1))
    if _stack_of(key):
        return jax.jit(_of_each, static_argnums=(1, *(place + 1 for place in places)))(key, function, *static)
    options = compiler_options(hasty=size < WORTH_OPTIMISING)
    return jax.jit(function, static_argnums=places, compiler_options=options)(key, *static)


def _of_each(keys: jax.Array, function: Callable[..., Any], *static: Any) -> Any:
    return jax.vmap(lambda key: function(key, *static))(keys)


def _normal(key: jax.Array, shape: tuple[int, ...], dtype: Any, mean: Any, stddev: Any) -> jax.Array:
    return mean + stddev * jax.random.normal(key, shape, dtype)


def _truncated_normal(key: jax.Array, shape: tuple[int, ...], dtype: Any, mean: Any, stddev: Any) -> jax.Array:
    return mean + stddev * jax.random.truncated_normal(key, -2.0, 2.0, shape, dtype)


def _drawn(
    by_numpy: Callable[..., np.ndarray], by_jax: Callable[..., jax.Array], key: jax.Array, shape: Any, dtype: Any,
    *parameters: Any,
) -> jax.Array:  # fmt: skip
    size = math.prod(shape)
    if _traced(key, *parameters):
        return by_jax(key, shape, dtype, *parameters)
    if not _depends_on_place(key) or size > MOST or dtype != jnp.float32:
        return drawn_once(by_jax, key, tuple(shape), dtype, *parameters)
    return jax.device_put(by_numpy(_words(key), size, *parameters).reshape(*_stack_of(key), *shape))


def _words(key: jax.Array) -> np.ndarray:
    """Of a key, or of all in a stack: `(keys, 2)`."""
    return np.asarray(jax.random.key_data(key)).reshape(-1, 2)


def _keys(numbers: Any) -> jax.Array:
    return jax.random.wrap_key_data(numbers, impl="threefry2x32")


def _traced(*values: Any) -> bool:
    return any(isinstance(value, jax.core.Tracer) for value in values)


def _depends_on_place(key: jax.Array) -> bool:
    """Whether a number that is drawn depends on the key and its place alone."""
    partitionable = getattr(jax.config, "jax_threefry_partitionable")  # noqa: B009
    return not _traced(key) and partitionable and is_threefry(key)


def _stack_of(key: jax.Array) -> tuple[int, ...]:
    """`(number of keys,)` of a stack, `()` of one key."""
    return tuple(key.shape) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else ()


def _size(tree: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))
