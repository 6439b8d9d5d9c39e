"""Spectral normalisation of another layer's kernel."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from deepkit.configuration import parameter
from deepkit.converters import positive_integer
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described
from deepkit.graph import Spec
from deepkit.initializers import TruncatedNormal
from deepkit.initializers.drawing import split
from deepkit.layers.layer import Context, Layer, Weight, Weights
from deepkit.layers.wrapper import Wrapper, run, updated

KERNELS = ("kernel", "embeddings")


def _layer(value: Any) -> Layer:
    if not isinstance(value, Layer):
        raise DeepkitTypeError(f"expected a layer, such as Dense(16), got {described(value)}.")
    return value


class SpectralNormalization(Wrapper):
    """The layer inside, computed with `kernel / σ`, where σ is the largest singular value of its kernel.

    The kernel is read as a matrix `(everything else, outputs)`, so that no direction of it is stretched by more than
    1. σ is estimated by power iteration from a vector `u` that is kept as state: it moves in training and stays in
    prediction, and no gradient goes through it. Shape as the layer's.

    The kernel itself stays as the optimizer leaves it, and is divided in training and in prediction alike, as in the
    paper. (Keras overwrites the kernel in training; on its JAX backend that is lost, and prediction uses the undivided
    kernel.) A kernel of zeros stays as it is.

    Args:
        layer: A layer with a `kernel`, or an Embedding.
        power_iterations: Steps of the power iteration in every call, at least 1.

    Raises:
        DeepkitError: for a layer that has neither.

    Reference: Miyato et al., 2018, https://arxiv.org/abs/1802.05957
    """

    layer: Layer = parameter(convert=_layer)
    power_iterations: int = parameter(default=1, convert=positive_integer)

    def parts(self, *inputs: Spec) -> dict[str, tuple[Layer, tuple[Spec, ...]]]:
        """The layer."""
        return {"layer": (self.layer, inputs)}

    def build(self, *inputs: Spec) -> dict[str, Any]:
        """The layer's weights, and the state `vector_u (1, outputs)`."""
        declared = super().build(*inputs)
        kernel: Weight = declared["layer"][self._kernel_of(declared["layer"])]
        shape = (1, kernel.shape[-1])
        return {
            **declared,
            "vector_u": Weight(shape, TruncatedNormal(stddev=0.02), trainable=False, dtype=kernel.dtype),
        }

    def init(self, key: jax.Array, *inputs: Spec) -> tuple[Weights, Weights]:
        """Fresh weights of the layer, and a fresh vector."""
        inner, outer = split(key, 2)
        params, state = super().init(inner, *inputs)
        vector = self.build(*inputs)["vector_u"]
        state["vector_u"] = vector.initializer(outer, vector.shape, jax.dtypes.canonicalize_dtype(vector.dtype))
        return params, state

    def output_spec(self, *inputs: Spec) -> Any:
        """The layer's."""
        output = self.layer.output_specs(*inputs)
        self._kernel_of(self.layer.weight_tree(*inputs))
        return output

    def apply(self, params: Weights, state: Weights, *inputs: Any, context: Context) -> tuple[Any, Weights]:
        """The layer on its divided kernel; in training with a new vector."""
        inner = params["layer"]
        name = self._kernel_of(inner)
        kernel, vector = _divided(inner[name], state["vector_u"], self.power_iterations)
        divided = {**params, "layer": {**inner, name: kernel}}
        output, after = run(self.layer, "layer", divided, state, *inputs, context=context)
        return output, updated(state, {"layer": after, **({"vector_u": vector} if context.training else {})})

    def output_mask(self, masks: tuple[jax.Array | None, ...], inputs: Any, output: jax.Array) -> jax.Array | None:
        """The layer's."""
        return self.layer.output_mask(masks, inputs, output)

    @property
    def activity_regularizer(self) -> Any:
        """The layer's."""
        return getattr(self.layer, "activity_regularizer", None)

    def check_ready(self) -> None:
        """The layer's."""
        self.layer.check_ready()

    def _kernel_of(self, weights: dict[str, Any]) -> str:
        for name in KERNELS:
            if name in weights:
                return name
        raise DeepkitValueError(
            f"{self.label} normalises a kernel, and {self.layer.label} has none "
            f"({'its weights: ' + ', '.join(weights) if weights else 'it has no weights'}). "
            "Wrap a Dense, a convolution or an Embedding."
        )


def _divided(kernel: jax.Array, vector: jax.Array, iterations: int) -> tuple[jax.Array, jax.Array]:
    """`(kernel / σ, u)` after some steps of the power iteration."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    fixed = jax.lax.stop_gradient(matrix)
    u = vector
    for _ in range(iterations):
        v = _unit(u @ fixed.T)
        u = _unit(v @ fixed)
    sigma = (v @ matrix @ u.T)[0, 0]
    is_zero = jnp.all(kernel == 0)
    return kernel / jnp.where(is_zero, 1, sigma), jnp.where(is_zero, vector, u)


def _unit(x: jax.Array) -> jax.Array:
    return x / jnp.maximum(jnp.linalg.norm(x), 1e-7)
