"""A Dense that uses another's kernel transposed: one array, the gradients of both uses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepkit as dk
from deepkit.errors import DeepkitTypeError, DeepkitValueError

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")


def autoencoder(**arguments):
    """4 → 2 → 4; `(model, encoder layer, decoder layer)`."""
    x = dk.Input(4)
    encode = dk.layers.Dense(2, "tanh", name="encode", **arguments)
    decode = dk.layers.Dense(4, tied_to=encode, name="decode")
    model = dk.Model(x, decode(encode(x)))
    model.compile(dk.optimizers.SGD(0.1), "mse")
    return model, encode, decode


def by_hand(params, x):
    kernel = params["encode"]["kernel"]
    return jnp.tanh(x @ kernel + params["encode"]["bias"]) @ kernel.T + params["decode"]["bias"]


def test_one_kernel_that_counts_once():
    model, *_ = autoencoder()
    assert model.count_params() == 4 * 2 + 2 + 4
    assert [a.shape for a in model.get_weights()] == [(4, 2), (2,), (4,)]
    assert set(model.params["decode"]) == {"bias"}
    np.testing.assert_allclose(model.predict(X), by_hand(model.params, X), atol=1e-6)


def test_gradients_of_both_uses_reach_the_one_kernel():
    model, *_ = autoencoder()
    params, state = model.weights()
    found = jax.jit(jax.grad(lambda p: model.loss(p, state, (X, X))[0]))(params)
    expected = jax.jit(jax.grad(lambda p: jnp.square(by_hand(p, X) - X).mean()))(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), found, expected)
    model.fit(X, X, batch_size=None, epochs=1, verbose=0)
    after = jax.tree.map(lambda p, g: p - 0.1 * g, params, expected)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), model.params, after)


def test_save_load_and_go_on(tmp_path):
    model, *_ = autoencoder()
    model.fit(X, X, epochs=2, verbose=0)
    model.save(tmp_path / "m.deepkit")
    back = dk.load_model(tmp_path / "m.deepkit")
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    assert back.get_layer("decode").tied_to is back.get_layer("encode")
    for each in (model, back):
        each.fit(X, X, epochs=4, initial_epoch=2, verbose=0)
    np.testing.assert_array_equal(back.params["encode"]["kernel"], model.params["encode"]["kernel"])


def test_weights_by_name_and_by_order(tmp_path):
    model, *_ = autoencoder()
    other, *_ = autoencoder()
    other.initialize(3)
    model.export(tmp_path / "w.npz")
    other.load_weights(tmp_path / "w.npz")
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    other.initialize(4)
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_a_frozen_owner_stands_still_in_both_uses():
    model, encode, _ = autoencoder()
    encode.trainable = False
    before = model.get_weights()
    model.fit(X, X, epochs=2, verbose=0)
    kernel, bias, own = (np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert (kernel, bias, own) == (True, True, False)


def test_owner_and_borrower_in_different_sub_models(tmp_path):
    """The decoder is a model of its own only as part of one that has the encoder; the graph may call it first."""
    x, code = dk.Input(4), dk.Input(2)
    encode = dk.layers.Dense(2, name="encode")
    encoder = dk.Model(x, encode(x), name="encoder")
    decoder = dk.Model(code, dk.layers.Dense(4, tied_to=encode, name="decode")(code), name="decoder")
    whole_in = dk.Input(4)
    whole = dk.Model(whole_in, decoder(encoder(whole_in)))
    kernel = whole.params["encoder"]["encode"]["kernel"]
    np.testing.assert_allclose(whole.predict(X), X @ kernel @ kernel.T, atol=1e-6)
    with pytest.raises(DeepkitValueError, match=r"'decode' uses the kernel of Dense 'encode', which is not part"):
        decoder.predict(X[:, :2])
    with pytest.raises(DeepkitValueError, match="not part of this model"):
        decoder.compile("sgd", "mse")
    both = dk.Model([code, x], [decoder(code), encoder(x)])
    both.save(tmp_path / "both.deepkit")
    back = dk.load_model(tmp_path / "both.deepkit")
    decoded, _ = back.predict([X[:, :2], X])
    np.testing.assert_allclose(decoded, X[:, :2] @ kernel.T, atol=1e-6)


def test_softmax_on_a_tied_layer_keeps_its_logits():
    """The loss is computed without the activation, with the borrowed kernel all the same."""
    x = dk.Input(4)
    encode = dk.layers.Dense(2, name="encode")
    model = dk.Model(x, dk.layers.Dense(4, "softmax", tied_to=encode)(encode(x)))
    model.compile("sgd", "sparse_categorical_crossentropy")
    rows = np.arange(12) % 4
    loss = model.evaluate(X, rows)["loss"]
    assert loss == pytest.approx(-np.log(model.predict(X)[np.arange(12), rows]).mean(), abs=1e-6)


def test_the_table_of_an_embedding_as_the_last_kernel():
    x = dk.Input(5, dtype="int32")
    table = dk.layers.Embedding(7, 3, name="table")
    model = dk.Model(x, dk.layers.Dense(7, "softmax", tied_to=table, name="last")(table(x)))
    assert model.count_params() == 7 * 3 + 7
    model.compile("adam", "sparse_categorical_crossentropy")
    codes = np.random.default_rng(0).integers(0, 7, (20, 5)).astype("int32")
    before = model.evaluate(codes, codes)["loss"]
    model.fit(codes, codes, epochs=20, verbose=0)
    assert model.evaluate(codes, codes)["loss"] < before
    vectors = np.asarray(model.params["table"]["embeddings"])
    scores = vectors[codes] @ vectors.T + np.asarray(model.params["last"]["bias"])
    np.testing.assert_allclose(model.predict(codes), jax.nn.softmax(scores), atol=1e-5)


def test_inside_another_layer_it_is_refused():
    x = dk.Input((3, 4))
    encode = dk.layers.Dense(2, name="encode")
    model = dk.Model(x, dk.layers.TimeDistributed(dk.layers.Dense(4, tied_to=encode))(encode(x)))
    with pytest.raises(DeepkitValueError, match="nobody hands on inside another layer"):
        model.predict(np.zeros((2, 3, 4), "float32"))


OWNER = dk.layers.Dense(2, name="encode")
CODE = OWNER(dk.Input(4))


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: dk.layers.Dense(5, tied_to=OWNER, name="d")(CODE), DeepkitValueError,
         ("'d'", "'encode'", "size 4, not 5", "Dense(4")),
        (lambda: dk.layers.Dense(4, tied_to=OWNER, name="d")(dk.Input(3)), DeepkitValueError,
         ("'d'", "'encode'", "2 units", "(None, 3)")),
        (lambda: dk.layers.Dense(4, tied_to=dk.layers.Dense(4, tied_to=OWNER)), DeepkitValueError,
         ("tied_to", "no kernel of its own", "'encode'")),
        (lambda: dk.layers.Dense(4, tied_to="encode"), DeepkitTypeError, ("tied_to", "(or Embedding)", "'encode'")),
        (lambda: dk.layers.Dense(4, tied_to=OWNER, kernel_regularizer="l2"), DeepkitValueError,
         ("kernel_regularizer", "owner", "'encode'")),
        (lambda: dk.layers.Dense(4, tied_to=OWNER, kernel_initializer="zeros"), DeepkitValueError,
         ("kernel_initializer",)),
    ],
)  # fmt: skip
def test_mistakes(make, kind, words):
    with pytest.raises(kind) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_sizes_are_checked_where_the_owner_is_called_later():
    owner = dk.layers.Dense(2, name="owner")
    code, x = dk.Input(2), dk.Input(4)
    early = dk.layers.Dense(5, tied_to=owner, name="early")(code)
    model = dk.Model([code, x], [early, owner(x)])
    with pytest.raises(DeepkitValueError, match="input size 4, not 5"):
        model.compile("sgd", "mse")
