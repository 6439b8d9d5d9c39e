"""Categories and ranges. (Keras's IntegerLookup needs TensorFlow; its documented examples are in the tests.)"""

from case_kit import K, case

from deepkit import layers

INT = {"dtype": "int32"}


class Whole(K.Layer):
    """A Keras layer on whole numbers; the harness gives it floating ones, to have gradients of all inputs."""

    def __init__(self, *args):
        super().__init__()
        self.layer = K.CategoryEncoding(*args)

    def build(self, _):
        self.layer.built = True

    def call(self, inputs):
        return self.layer(inputs.astype("int32"))


CASES = [
    case(lambda: layers.CategoryEncoding(6), (3,), twin=lambda: Whole(6), **INT),
    case(lambda: layers.CategoryEncoding(9, "one_hot"), (3,), twin=lambda: Whole(9, "one_hot"), **INT),
    case(lambda: layers.CategoryEncoding(9, "one_hot"), (1,), twin=lambda: Whole(9, "one_hot"), **INT),
    case(lambda: layers.CategoryEncoding(9, "one_hot"), (), twin=lambda: Whole(9, "one_hot"), **INT),
    case(lambda: layers.CategoryEncoding(9, "count"), (4,), twin=lambda: Whole(9, "count"), **INT),
    case(lambda: layers.CategoryEncoding(4, "count"), (3,), (3,), **INT),
    case(lambda: layers.Discretization([-0.5, 0.5]), (3, 2), twin=lambda: K.Discretization([-0.5, 0.5])),
    case(
        lambda: layers.Discretization([-0.5, 0.5], output_mode="multi_hot"),
        (3,),
        twin=lambda: K.Discretization([-0.5, 0.5], output_mode="multi_hot"),
    ),
    case(lambda: layers.Discretization(num_bins=4), (3,)),
    case(lambda: layers.Discretization(num_bins=3, output_mode="one_hot"), (), dtype="int32"),
    case(lambda: layers.IntegerLookup(vocabulary=[5, 2, 7]), (3,), **INT),
    case(lambda: layers.IntegerLookup(None, 0, 3, vocabulary=(2, 1), output_mode="multi_hot"), (2, 2), **INT),
    case(lambda: layers.IntegerLookup(None, 1, 0, -5, [4, 6], True), (3,), **INT),
]
