"""Wrong uses of layers: refused before anything is computed, with what is wrong and how to mend it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepkit import layers
from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError
from deepkit.graph import Input, Spec
from deepkit.layers import Context

VALUE, TYPE = DeepkitValueError, DeepkitTypeError


def softmax(x):
    return layers.Dense(3, "softmax")(x)


def sigmoid(x):
    return layers.Dense(3, "sigmoid")(x)


def fails(_):
    raise RuntimeError("no such thing")


WRONG = [
    # Arguments.
    (lambda: layers.Dense(0), VALUE, r"Dense\(units=0\): expected a whole number of at least 1"),
    (lambda: layers.Dense("16"), TYPE, r"Dense\(units='16'\): expected a whole number"),
    (lambda: layers.Dense(3, "relux"), VALUE, r"Dense\(activation='relux'\).*Did you mean 'relu'\?"),
    (lambda: layers.Dense(3, "prelu"), VALUE, r"Put dk.layers.PReLU\(\) after this layer"),
    (lambda: layers.Dense(3, layers.ReLU()), TYPE, "is a layer, not an activation function. Put it after"),
    (lambda: layers.Dense(3, kernel_initializer="glorot"), VALUE, "Did you mean 'glorot_"),
    (lambda: layers.Dense(3, kernel_regularizer="l3"), VALUE, r"Dense\(kernel_regularizer='l3'\)"),
    (lambda: layers.Dense(3, kernel_constraint="positive"), VALUE, "no constraint is called 'positive'"),
    (lambda: layers.Dense(3, name="a/b"), VALUE, "a name is a non-empty string without '/'"),
    (lambda: layers.Dropout(1.0), VALUE, r"Dropout\(rate=1.0\): expected a .* in \[0, 1\)"),
    (lambda: layers.Dropout(50), VALUE, r"\[0, 1\)"),
    (lambda: layers.Dropout(0.5, noise_shape=3), TYPE, "expected a tuple of sizes, the batch first"),
    (lambda: layers.GaussianNoise(-1), VALUE, "expected a number of at least 0"),
    (lambda: layers.BatchNormalization(momentum=1.5), VALUE, r"\[0, 1\)"),
    (lambda: layers.BatchNormalization("last"), TYPE, r"BatchNormalization\(axis='last'\): expected one axis"),
    (lambda: layers.ReLU(negative_slope=-1), VALUE, "expected a number of at least 0"),
    (lambda: layers.Reshape((2, -2)), VALUE, "sizes must be at least 1"),
    (lambda: layers.Reshape((-1, -1)), VALUE, "at most one may be -1"),
    (lambda: layers.Reshape("ab"), TYPE, "expected a tuple of whole numbers"),
    (lambda: layers.Rescaling("a"), TYPE, "expected a number or an array of numbers"),
    (lambda: layers.Rescaling(np.nan), VALUE, "expected finite numbers"),
    (lambda: layers.Normalization(mode="robust"), VALUE, r'expected "zscore" or "minmax"'),
    (lambda: layers.Normalization(mean=0.0), VALUE, "mean and variance are given together"),
    (lambda: layers.Normalization(mean=0.0, variance=1.0, mode="minmax"), VALUE, "only in zscore mode"),
    (lambda: layers.Normalization(mean=[0.0, 1.0], variance=[1.0]), VALUE, r"mean has shape \(2,\), variance \(1,\)"),
    (lambda: layers.Normalization(mean=0.0, variance=-1.0), VALUE, "one variance of at least 0 per mean"),
    (lambda: layers.Dot((1, 2, 3)), VALUE, "one for each of the two inputs"),
    (lambda: layers.Lambda(3), TYPE, r"Lambda\(function=3\): expected a function of arrays, got int"),
    (lambda: layers.Flax(3), TYPE, "expected a flax.nnx module or a function that makes one"),
    (lambda: layers.Flax(dict), TYPE, "expected a flax.nnx module or a function that makes one"),
    # Calls.
    (lambda: layers.Dense(3)(np.ones((2, 3))), TYPE, r"was called on an array of shape \(2, 3\).*Start from dk.Input"),
    (lambda: layers.Dense(3)(Input(())), VALUE, r"at least 2 axes.*shape \(None,\).*Reshape"),
    (lambda: layers.Dense(3)([Input(2), Input(2)]), TYPE, r"called on 2 tensors.*Concatenate"),
    (lambda: layers.Dense(1, "softmax")(Input(3)), VALUE, r"always 1. Use activation=\"sigmoid\""),
    (lambda: layers.Softmax()(Input(1)), VALUE, r"axis of size 1 \(shape \(None, 1\)\)"),
    (lambda: layers.Softmax(1)(Input((1, 4))), VALUE, "always 1"),
    (lambda: layers.Softmax(0)(Input(4)), VALUE, "axis 0 of an input of shape .* is the batch"),
    (lambda: layers.Softmax(2)(Input(4)), VALUE, r"there is no axis 2 in an input of shape \(None, 4\)"),
    (lambda: layers.LogSoftmax()(Input(1)), VALUE, "log_softmax over an axis of size 1"),
    (lambda: layers.Softmax()(softmax(Input(4))), VALUE, r"applies softmax to a distribution.*twice"),
    (lambda: layers.Activation("softmax")(softmax(Input(4))), VALUE, "Leave one of the two activations out"),
    (lambda: layers.Sigmoid()(sigmoid(Input(4))), VALUE, r"applies sigmoid to independent probabilities"),
    (lambda: layers.Activation(jax.nn.sigmoid)(sigmoid(Input(4))), VALUE, "Leave one of the two"),
    (lambda: layers.Softmax()(sigmoid(Input(4))), VALUE, "Leave one of the two"),
    (lambda: layers.LogSoftmax()(softmax(Input(4))), VALUE, "Leave one of the two"),
    (lambda: layers.Softmax()(layers.Flatten()(softmax(Input(4)))), VALUE, "Leave one of the two"),
    (lambda: layers.GLU()(Input(3)), VALUE, "whose size 3 is odd. Give the layer before it an even number"),
    (lambda: layers.Dense(3, "glu")(Input(3)), VALUE, "odd|even"),
    (lambda: layers.PReLU(shared_axes=3)(Input((2, 2))), VALUE, "there is no axis 3"),
    (lambda: layers.Reshape((5,))(Input((2, 3))), VALUE, r"rows of shape \(2, 3\) \(6 numbers\) as \(5,\)"),
    (lambda: layers.Reshape((4, -1))(Input((2, 3))), VALUE, "4 numbers times what is left"),
    (lambda: layers.Dropout(0.5, (None, 2))(Input(3)), VALUE, r"mask of shape \(None, 2\) does not fit"),
    (lambda: layers.Dropout(0.5, (32, 3))(Input(3)), VALUE, "does not fit an input"),
    (lambda: layers.BatchNormalization()(Input(())), VALUE, "at least 2 axes"),
    (lambda: layers.BatchNormalization(0)(Input(3)), VALUE, "is the batch, whose rows stay apart"),
    (lambda: layers.BatchNormalization(5)(Input(3)), VALUE, "give one between -1 and 1"),
    (lambda: layers.LayerNormalization((1, 3))(Input((2, 2))), VALUE, "there is no axis 3"),
    (lambda: layers.Rescaling([1.0, 2.0])(Input(3)), VALUE, r"shape \(2,\) do not fit rows of shape \(3,\)"),
    (lambda: layers.Add()([Input(3), Input(4)]), VALUE, r"\(None, 3\) and \(None, 4\).*Dense\(units\).*Concatenate"),
    (lambda: layers.Multiply()([Input((2, 3)), Input(2)]), VALUE, r"\(None, 2, 3\) and \(None, 2\)"),
    (lambda: layers.Subtract()([Input(3)]), TYPE, "joins exactly two tensors, and was called on 1"),
    (lambda: layers.Subtract()([Input(3)] * 3), TYPE, "was called on 3"),
    (lambda: layers.Concatenate()([Input((2, 3)), Input((4, 3))]), VALUE, r"along axis 2: all other sizes"),
    (lambda: layers.Concatenate()([Input(3), Input((2, 3))]), VALUE, r"\(None, 3\) and \(None, 2, 3\)"),
    (lambda: layers.Concatenate(0)([Input(3), Input(3)]), VALUE, "is the batch"),
    (
        lambda: layers.Dot(1)([Input(3), Input(4)]),
        VALUE,
        r"sizes 3 and 4 differ. .*Dense\(3\)",
    ),
    (lambda: layers.Dot(0)([Input(3), Input(3)]), VALUE, "is the batch"),
    (lambda: layers.Dot(1)(Input(3)), TYPE, "exactly two tensors"),
    (lambda: layers.Lambda(lambda x: x.sum())(Input(3)), VALUE, "an output must have one row per input row"),
    (lambda: layers.Lambda(lambda x: x.T)(Input(3)), VALUE, "Reduce over axis 1 and later"),
    (
        lambda: layers.Lambda(fails)(Input(3)),
        VALUE,
        r"fails on .*\(None, 3\): RuntimeError: no such thing",
    ),
    (lambda: layers.Dense(3, fails)(Input(3)), VALUE, r"RuntimeError: no such thing"),
    (lambda: layers.Flax(lambda rngs: 3)(Input(3)), TYPE, "returned int, not a flax.nnx module"),
    (lambda: run(layers.Layer()), TYPE, "Layer does not define call"),
    # Data and moments.
    (lambda: layers.Normalization().adapt(np.zeros((0, 3))), VALUE, r"data of shape \(0, 3\) has no rows"),
    (lambda: layers.Normalization().adapt(np.array([[1.0], [np.nan]])), VALUE, "1 of 2 values are NaN or infinite"),
    (lambda: layers.Normalization().adapt(np.array([["a"]])), TYPE, "Encode text and categories first"),
    (lambda: layers.Normalization().adapt(np.zeros(5)), VALUE, "is the batch, whose rows stay apart"),
    (lambda: layers.Normalization(mean=0.0, variance=1.0).adapt(np.zeros((5, 2))), TYPE, "Leave them out to use adapt"),
    (lambda: layers.Normalization().adapt(np.eye(3))(Input(4)), VALUE, r"mean has shape \(3,\).*needs \(4,\)"),
    (lambda: layers.Normalization(mean=[1.0], variance=[1.0])(Input(4)), VALUE, r"shape \(1,\).*needs \(4,\)"),
    (lambda: run(layers.Dropout(0.5), training=True), VALUE, "draws random numbers in training, but no key was given"),
    (lambda: run(layers.GaussianNoise(0.5), training=True), VALUE, "but no key was given"),
]


def run(layer, training=False):
    return layer.apply({}, {}, jnp.ones((2, 3)), context=Context(training=training))


@pytest.mark.parametrize(("use", "kind", "text"), WRONG, ids=[text for *_, text in WRONG])
def test_wrong_use(use, kind, text):
    with pytest.raises(kind, match=text) as caught:
        use()
    assert isinstance(caught.value, DeepkitError)


def test_a_layer_adapted_after_the_call_to_other_data_is_refused_when_it_runs():
    layer = layers.Normalization()
    layer(Input(4))
    layer.adapt(np.eye(3))
    _, state = layer.init(jax.random.key(0), Spec((None, 3)))
    with pytest.raises(DeepkitValueError, match=r"mean has shape \(3,\), but an input of shape \(2, 4\) needs \(4,\)"):
        layer.apply({}, state, jnp.ones((2, 4)), context=Context())


def test_flax_names_the_shape_that_the_module_fails_on():
    from flax import nnx

    layer = layers.Flax(lambda rngs: nnx.Linear(4, 8, rngs=rngs), name="wrapped")
    with pytest.raises(DeepkitValueError, match=r"Flax 'wrapped' fails on an input of shape \(None, 5\)"):
        layer(Input(5))


def test_flax_modules_with_random_streams_need_a_key_in_training():
    from flax import nnx

    layer = layers.Flax(lambda rngs: nnx.Dropout(0.5, rngs=rngs))
    with pytest.raises(DeepkitValueError, match="but no key was given"):
        layer.apply({}, {}, jnp.ones((2, 3)), context=Context(training=True))


def test_a_configuration_cannot_be_changed():
    with pytest.raises(DeepkitTypeError, match="cannot be changed after it was declared"):
        layers.Dense(3).units = 4
