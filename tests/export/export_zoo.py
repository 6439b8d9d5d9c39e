"""One small model of every kind that a file must bring back, each with the custom objects that loading needs."""

import jax.numpy as jnp
import numpy as np

import deepkit as dk

L = dk.layers


def squared(x):
    return x * x


def shifted_tanh(x):
    return jnp.tanh(x - 0.5)


def halves(x):
    return {"left": x[:, :2], "right": x[:, 2:]}


def flax_mlp(rngs):
    from flax import nnx

    return nnx.Sequential(nnx.Linear(4, 6, rngs=rngs), nnx.BatchNorm(6, rngs=rngs), nnx.Linear(6, 3, rngs=rngs))


def flax_bfloat16(rngs):
    from flax import nnx

    return nnx.Linear(4, 3, param_dtype=jnp.bfloat16, rngs=rngs)


class Scale(L.Layer):
    """A custom layer with a parameter, a state, and weights in a nested order that is not the alphabet's."""

    start: float = 1.0

    def build(self, x):
        constant = dk.initializers.Constant(self.start)
        return {
            "z_gain": L.Weight((x.features,), constant),
            "a_shift": L.Weight((x.features,), dk.initializers.Zeros()),
            "calls": L.Weight((), dk.initializers.Zeros(), trainable=False),
        }

    def call(self, weights, x, context):
        return x * weights["z_gain"] + weights["a_shift"], {"calls": weights["calls"] + 1}


CUSTOM = {function.__name__: function for function in (squared, shifted_tanh, halves, flax_mlp, flax_bfloat16)}
CUSTOM["Scale"] = Scale


def rows(model, count=5):
    """Inputs for a model, in its structure; fixed, and of its dtypes."""
    random = np.random.default_rng(0)
    arrays = [random.normal(size=(count, *t.spec.row_shape)).astype(t.dtype) for t in model.graph.inputs]
    return model.graph.input_structure.unflatten(arrays)


def four_lines():
    x = dk.Input(4)
    h = L.Dense(5, activation="relu")(x)
    return dk.Model(x, L.Dense(1, activation="sigmoid")(h))


def sequential():
    return dk.Sequential(
        [
            dk.Input((4, 3), name="image"),
            L.Flatten(),
            L.Dense(6, "gelu", name="first"),
            L.Dropout(0.5),
            L.Dense(3, "softmax"),
        ]
    )


def several_inputs_and_outputs():
    a, b = dk.Input(3, name="b"), dk.Input((2, 2), name="a")
    both = L.Concatenate()([a, L.Flatten()(b)])
    return dk.Model([a, b], {"z": L.Dense(2, "softmax")(both), "a": L.Dense(1)(both), "m": L.Dense(1, "sigmoid")(both)})


def nested_lists():
    a, b = dk.Input(3), dk.Input(3)
    both = L.Add()([a, b])
    return dk.Model((a, b), [both, (L.Dense(1)(both), a), [both]])


def input_dict():
    a, b = dk.Input(3), dk.Input(3)
    return dk.Model({"right": a, "left": b}, L.Subtract()([a, b]))


def shared_layer():
    a, b = dk.Input(3), dk.Input(3)
    tower = L.Dense(4, "tanh")
    return dk.Model([a, b], L.Dot(axes=1, normalize=True)([tower(a), tower(b)]))


def sub_model_twice():
    x = dk.Input(4)
    tower = dk.Sequential([dk.Input(4), L.Dense(4, "relu"), L.BatchNormalization()])
    return dk.Model(x, L.Add()([tower(tower(x)), x]))


def nested_sub_models():
    inner = dk.Sequential([dk.Input(4), L.Dense(4, "relu")], name="inner")
    outer = dk.Sequential([dk.Input(4), inner, L.Dense(4), inner], name="outer")
    outer.trainable = False
    x = dk.Input(4)
    return dk.Model(x, L.Dense(2)(L.Concatenate()([outer(x), inner(x)])))


def aliases():
    """One layer in two sub-models and outside of them: its weights stand once."""
    layer = L.Dense(4, "tanh")
    first = dk.Sequential([dk.Input(4), layer, L.Dense(4)])
    second = dk.Sequential([dk.Input(4), L.Dense(4), layer])
    x = dk.Input(4)
    return dk.Model(x, [L.Average()([first(x), second(x)]), layer(x)])


def names_that_moved():
    """A layer that an earlier model named otherwise than this one can."""
    x = dk.Input(4)
    late = L.Dense(2)
    dk.Model(x, late(x))
    model = dk.Model(x, late(L.Dense(4, name="dense")(x)))
    assert late.given_name == "dense" and list(model.graph.callees) == ["dense", "dense_1"]
    return model


def from_the_middle():
    """A model that starts from the output of a layer, whose meaning it knows."""
    x = dk.Input(4)
    h = L.Dense(3, "softmax")(x)
    return dk.Model(h, L.Dense(2)(h))


def batch_normalization():
    return dk.Sequential(
        [dk.Input(4), L.Dense(3), L.BatchNormalization(momentum=0.5), L.LayerNormalization(), L.Dense(1)]
    )


def adapted_normalization():
    data = np.random.default_rng(3).normal(5, 7, (50, 4))
    return dk.Sequential(
        [dk.Input(4), L.Normalization().adapt(data), L.Normalization(mode="minmax", axis=None).adapt(data), L.Dense(1)]
    )


def numbers_of_all_kinds():
    return dk.Sequential(
        [
            dk.Input((2, 2), dtype="int32"),
            L.Rescaling(1 / 255, offset=np.array([[0.1, 1e-30], [3.0, -1 / 3]])),
            L.Reshape((-1,)),
            L.GaussianNoise(0.1),
            L.Normalization(mean=[1, 2, 3, 4], variance=[1, 1, 2, 3]),
            L.PReLU(),
        ]
    )


def frozen_regularized_constrained():
    return dk.Sequential(
        [
            dk.Input(4),
            L.Dense(4, "relu", trainable=False, kernel_initializer="he_normal", name="frozen"),
            L.Dense(
                3,
                kernel_regularizer=dk.regularizers.L1L2(0.1, 0.01),
                activity_regularizer="l2",
                kernel_constraint=dk.regularizers.MaxNorm(2.0),
                bias_constraint="non_neg",
                bias_initializer=dk.initializers.Constant(0.3),
            ),
            L.Dense(1, use_bias=False, kernel_initializer=dk.initializers.RandomUniform(-0.1, 0.1)),
        ]
    )


def custom_layer_and_functions():
    x = dk.Input(4)
    y = Scale(2.5)(L.Dense(4, shifted_tanh)(x))
    parts = L.Lambda(halves)(y)
    return dk.Model(x, [L.Lambda(squared)(parts["right"]), L.Activation(shifted_tanh)(parts["left"])])


def flax():
    return dk.Sequential([dk.Input(4), L.Flax(flax_mlp), L.Dense(1)])


def flax_in_bfloat16():
    return dk.Sequential([dk.Input(4), L.Flax(flax_bfloat16)])


def only_arithmetic():
    x = dk.Input(3)
    return dk.Model(x, L.Rescaling(2.0)(x))


MODELS = [
    four_lines, sequential, several_inputs_and_outputs, nested_lists, input_dict, shared_layer, sub_model_twice,
    nested_sub_models, aliases, names_that_moved, from_the_middle, batch_normalization, adapted_normalization,
    numbers_of_all_kinds, frozen_regularized_constrained, custom_layer_and_functions, flax, flax_in_bfloat16,
    only_arithmetic,
]  # fmt: skip


def scrambled(model):
    """The model with weights that nobody would draw, state included."""
    import jax

    random = np.random.default_rng(7)
    params, state = model.weights()
    params, state = jax.tree.map(lambda a: jnp.asarray(random.uniform(0.1, 1.5, a.shape), a.dtype), (params, state))
    model.set_variables({"params": params, "state": state})
    return model
