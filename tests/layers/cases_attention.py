"""Attention and positions. Keras calls attention layers on several arguments, the harness on one list."""

from case_kit import NORMAL, K, case

from deepkit import layers


class Twin(K.Layer):
    """A Keras attention layer that is built and called on a list; of one tensor, it attends to itself."""

    def __init__(self, layer, in_list=False, **options):
        super().__init__()
        self.layer, self.in_list, self.options = layer, in_list, options

    def build(self, shapes):
        shapes = self.arguments(shapes, isinstance(shapes, tuple))
        self.layer.build(shapes) if self.in_list else self.layer.build(*shapes)

    def call(self, inputs, training=False):
        inputs = self.arguments(inputs, not isinstance(inputs, list))
        return self.layer(*([inputs] if self.in_list else inputs), training=training, **self.options)

    def arguments(self, given, alone):
        return [given] * 2 if alone else given


CAUSAL, SHOWN = {"use_causal_mask": True}, {"return_attention_scores": True}


def pair(name, *args, rows, in_list=False, **kwargs):
    """A layer, and its twin, which Keras tells in the call what deepkit is told in the declaration."""
    called = {key: kwargs[key] for key in (*CAUSAL, *SHOWN) if key in kwargs}
    declared = {key: value for key, value in kwargs.items() if key not in called}
    start = {} if in_list else {"bias_initializer": NORMAL}
    return case(
        lambda: getattr(layers, name)(*args, **kwargs, **start),
        *rows,
        twin=lambda: Twin(getattr(K, name)(*args, **declared), in_list, **called),
    )


# Small sizes: with the harness's large weights, rounding errors grow with every sum.
CASES = [
    pair("Attention", rows=[(3, 2), (4, 2)], in_list=True),
    pair("Attention", True, rows=[(3, 2), (4, 5), (4, 2)], in_list=True, **SHOWN, **CAUSAL),
    pair("Attention", True, "concat", rows=[(3, 2)], in_list=True),
    case(lambda: layers.Attention(dropout=0.4), (3, 2), random=True),
    pair("AdditiveAttention", rows=[(3, 2), (4, 2)], in_list=True, **CAUSAL),
    pair("AdditiveAttention", False, rows=[(3, 2), (4, 3), (4, 2)], in_list=True, **SHOWN),
    pair("MultiHeadAttention", 2, 2, rows=[(3, 2)]),
    pair("MultiHeadAttention", 2, 3, 2, use_bias=False, rows=[(3, 4), (4, 2), (4, 3)], **SHOWN),
    pair("MultiHeadAttention", 2, 2, output_shape=(2, 1), rows=[(3, 2)], **CAUSAL),
    pair("MultiHeadAttention", 1, 2, sliding_window=2, use_gate=True, kernel_regularizer="l2", rows=[(4, 2)]),
    pair("MultiHeadAttention", 1, 2, attention_axes=2, rows=[(2, 3, 2), (2, 4, 2)], **SHOWN),
    pair("MultiHeadAttention", 1, 2, rows=[(2, 3, 2), (3, 2, 2)], **SHOWN),
    case(lambda: layers.MultiHeadAttention(1, 2, dropout=0.4, return_attention_scores=True), (3, 2), random=True),
    pair("GroupQueryAttention", 2, 2, 1, rows=[(3, 2)], **CAUSAL),
    pair("GroupQueryAttention", 2, 4, 2, rows=[(2, 2), (3, 1), (3, 2)], use_gate=True, sliding_window=2),
    case(lambda: layers.PositionEmbedding(5, NORMAL), (3, 2)),
    case(lambda: layers.PositionEmbedding(3), (2, 3, 2), dtype="int32"),
    case(lambda: layers.SinePositionEncoding(10), (2, 4, 3)),
]
