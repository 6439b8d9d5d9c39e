"""`Model`: the thin holder that a user talks to. It keeps a graph, the program compiled from it, and the weights."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.flatten_util
import numpy as np

from deepkit import subclass
from deepkit.cache import enable_compilation_cache
from deepkit.data.arrays import input_arrays, restore
from deepkit.errors import DeepkitTypeError, DeepkitValueError, described, did_you_mean, from_user_line
from deepkit.graph import Graph, SymbolicTensor
from deepkit.layers.layer import Context, Layer, Weights
from deepkit.program import Program, SubModel
from deepkit.program.copying import Copied, copy_weights
from deepkit.program.heads import resolve_heads
from deepkit.program.holders import checked, from_keras_order, keras_order, store, stored
from deepkit.program.objective import Batch
from deepkit.program.prediction import Predictor
from deepkit.program.program import is_weight
from deepkit.training import fitting
from deepkit.training.arguments import DEFAULT_BATCH_SIZE, check_batch_size, check_seed, rows_at_once
from deepkit.training.rows import check_encoder, check_ready, in_own_units, model_inputs
from deepkit.training.trainer import Trainer, compiled_optimizer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from deepkit.optimizers import Optimizer
    from deepkit.training.history import History


class Model:
    """A graph between inputs and outputs, with weights that can be trained.

        x = dk.Input(29)
        h = dk.layers.Dense(16, activation="relu")(x)
        y = dk.layers.Dense(1, activation="sigmoid")(h)
        model = dk.Model(x, y)

    A model may be called on symbolic tensors like a layer, any number of times; all calls share its weights. Two models
    over the same layers share weights too: `dk.Model(x, h)` shows what the hidden layer of the above computes.

    Weights are drawn when they are first needed: by `fit` from its seed, else from seed 0. `initialize` draws them
    anew.

    A class of your own makes its layers in `__init__` and connects them in `call`, on symbolic tensors:

        class Net(dk.Model):
            def __init__(self):
                super().__init__()
                self.hidden = [dk.layers.Dense(16, "relu") for _ in range(3)]
                self.last = dk.layers.Dense(1)

            def call(self, x):
                for layer in self.hidden:
                    x = layer(x)
                return self.last(x)

    `call` is run once: by `build(shape)`, by the first `fit` or `predict` with the shape of the data (several inputs
    come as the list or dict that was passed), or when the model is called on a symbolic tensor. From then on it is a
    model like any other. Saved and loaded, it comes back as a plain `Model` of the same graph: a file holds no code.

    Args:
        inputs: A symbolic tensor from `dk.Input`, or a list or dict of them.
        outputs: The symbolic tensors to compute, in the same forms.
        name: Name of the model when it is used as a layer; by default `model`, `model_1`, …
        encoder: A fitted `dk.preprocessing.TableEncoder`: then `fit`, `evaluate` and `predict` take raw tables, and
            predictions of a standardised target come back in its own units. It is saved with the model.

    Raises:
        DeepkitError: if an output does not depend on an input, an input is missing, or names repeat.
    """

    stop_training = False
    """Set by a callback to end the run."""

    built = False
    """Whether the graph is there; without it only for a subclass with its own `call` before the first use."""

    graph: Graph
    program: Program
    layer: SubModel
    encoder: Any = None
    said_integers = False
    columns: tuple[str, ...] | None = None
    history: History | None = None
    _name: str | None = None
    _trainer: Trainer | None = None
    _choices: dict[str, Any] | None = None  # what `compile` was given before there was a graph

    @from_user_line
    def __init__(self, inputs: Any = ..., outputs: Any = ..., *, name: str | None = None, encoder: Any = None) -> None:
        self.encoder = encoder
        self._name = name
        if inputs is ... and outputs is ... and type(self).call is not Model.call:
            return
        for what, tensors in (("inputs", inputs), ("outputs", outputs)):
            if tensors is ...:
                own = "" if type(self) is Model else f" Or give {type(self).__name__} a method call(self, x)."
                raise DeepkitTypeError(f"Model needs the argument {what!r}. Write Model({what}=…).{own}")
        self._connect(inputs, outputs)

    def _connect(self, inputs: Any, outputs: Any) -> None:
        self.graph = Graph(inputs, outputs)
        self.program = Program(self.graph)
        self.layer = SubModel(self.graph, name=self._name)
        self._predict = Predictor(self.program)
        check_encoder(self.encoder, self.graph)
        self.built = True
        if self._choices is not None:
            self.compile(**self._choices)

    def __getattr__(self, name: str) -> Any:
        # Only what is not there comes here.
        if name in subclass.LATER and not self.built:
            raise subclass.unbuilt(self, "weights" if name == "program" else name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @from_user_line
    def __setattr__(self, name: str, value: Any) -> None:
        subclass.refuse_taken_name(self, name, value)
        super().__setattr__(name, value)

    # For subclasses.

    def call(self, x: Any) -> Any:
        """What a subclass defines: symbolic tensors in, symbolic tensors out."""
        raise DeepkitTypeError(
            f"{type(self).__name__} has no call(self, x) of its own. Models are called themselves: model(x)."
        )

    @from_user_line
    def build(self, input_shape: Any, dtype: str = "float32") -> None:
        """Make the graph of a subclass for inputs of this shape; a model that has its graph is left as it is.

        Args:
            input_shape: Shape of one row, as for `dk.Input`, or Keras's form with `None` for the batch before it; for
                several inputs a list or dict of shapes. `call` gets the inputs arranged alike.
            dtype: Of the inputs. What `fit` would choose, float32, suits all but codes (`Embedding`): "int32".

        Raises:
            DeepkitError: whatever is wrong with the layers that `call` connects.
        """
        if not self.built:
            self._connect_call(subclass.inputs_of_shape(input_shape, dtype))

    def _build_for(self, x: Any) -> None:
        """The graph for data of this shape, unless there is one."""
        if not self.built:
            self._connect_call(subclass.inputs_like_data(self, x))

    def _connect_call(self, inputs: Any) -> None:
        self._connect(inputs, subclass.outputs_of_call(self, inputs))

    def __repr__(self) -> str:
        if not self.built:
            return f"<{type(self).__name__}, not built yet>"
        inputs, outputs = ([t.spec.row_shape for t in tensors] for tensors in (self.graph.inputs, self.graph.outputs))
        return f"<{type(self).__name__} {inputs} → {outputs}, {len(self.program.places)} layers>"

    @from_user_line
    def __call__(self, tensors: Any) -> Any:
        """Use the model as a layer on symbolic tensors (arranged as its inputs); returns its symbolic outputs."""
        if not self.built:
            self._connect_call(subclass.inputs_like_tensors(tensors))
        leaves = jax.tree.leaves(tensors, is_leaf=lambda leaf: isinstance(leaf, SymbolicTensor))
        return self.layer(leaves)

    # Layers.

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order of computation; a model used as a layer counts as one."""
        return list(self.graph.callees.values())

    @from_user_line
    def get_layer(self, name: str) -> Layer:
        """The layer of this name."""
        if name not in self.graph.callees:
            raise DeepkitValueError(f"no layer is called {name!r}. {did_you_mean(str(name), self.graph.callees)}")
        return self.graph.callees[name]

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic tensors that the model starts from."""
        return list(self.graph.inputs)

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic tensors that it computes."""
        return list(self.graph.outputs)

    @from_user_line
    def output_of(self, layer: str | Layer) -> Any:
        """The symbolic output of a layer of this model, by name or itself, where it is first called.

        It is where a new head begins: `dk.Model(model.inputs, head(model.output_of("hidden")))` shares all layers up
        to there with the model, and their weights. (Keras: `layer.output`.)
        """
        found = self.get_layer(layer) if isinstance(layer, str) else layer
        for node in self.graph.nodes:
            if node.callee is found:
                return node.outputs[0] if len(node.outputs) == 1 else list(node.outputs)
        raise DeepkitValueError(
            f"output_of: {described(layer)} is no layer of this model. Its layers: {', '.join(self.graph.callees)}."
        )

    @property
    def trainable(self) -> bool:
        """Whether the model as a whole is trained. Setting it sets every layer in it, as in Keras."""
        return self.layer.trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.layer.trainable = value

    # The floor below: pure functions.

    def init(self, key: jax.Array) -> dict[str, Weights]:
        """Fresh weights `{"params": …, "state": …}`, nested by layer name. Pure: works under jit and vmap over keys."""
        params, state = self.program.init(key)
        return {"params": params, "state": state}

    def apply(
        self, variables: dict[str, Weights], x: Any, training: bool = False, rng: jax.Array | None = None
    ) -> tuple[Any, Weights]:
        """`(outputs, new state)` for arrays with the batch first, arranged as the model's inputs. Pure.

        `training=True` switches dropout and batch statistics on; `rng` is needed where a layer draws random numbers.
        """
        result = self.program.forward(
            variables["params"], variables["state"], jax.tree.leaves(x), Context(training, rng)
        )
        return restore(result.outputs, self.graph), result.state

    def loss(
        self,
        params: Weights,
        state: Weights,
        batch: tuple[Any, ...],
        rng: jax.Array | None = None,
        training: bool = True,
    ) -> tuple[jax.Array, tuple[Any, Weights]]:
        """`(value, (outputs, new state))`: the scalar that training minimises, penalties included. Pure.

        `batch` is `(x, y)` or `(x, y, weights)`; targets in the form the loss takes them: the output's shape, or class
        numbers for a sparse loss. `jax.value_and_grad(model.loss, has_aux=True)` differentiates it.
        """
        x, y, *weights = batch
        targets = jax.tree.leaves(y)
        given = jax.tree.leaves(weights[0]) if weights else [None] * len(targets)
        rows = Batch(
            tuple(jax.tree.leaves(x)),
            tuple(targets),
            tuple(given * len(targets) if len(given) == 1 else given),
        )
        objective = self._require_trainer("loss").objective
        value, (outputs, state, _) = objective(params, state, rows, Context(training, rng))
        return value, (restore(outputs, self.graph), state)

    # Weights.

    @from_user_line
    def initialize(self, seed: int = 0) -> None:
        """Draw all weights anew, and forget the optimizer's state and the columns of the training table."""
        store(self.program, *self.program.draw(check_seed(seed)))
        self.columns = None
        self._forget()

    def _forget(self) -> None:
        if self._trainer is not None:
            self._trainer.forget()

    def weights(self) -> tuple[Weights, Weights]:
        """`(parameters, state)` as they are now; drawn from seed 0 if there are none yet."""
        weights = stored(self.program)
        if weights is None:
            store(self.program, *self.program.draw(0), overwrite=False)
            weights = stored(self.program)
            assert weights is not None
        return weights

    @property
    def variables(self) -> dict[str, Weights]:
        """The current weights, as `init` arranges them."""
        params, state = self.weights()
        return {"params": params, "state": state}

    @property
    def params(self) -> Weights:
        """The current parameters: `params["dense"]["kernel"]`."""
        return self.weights()[0]

    @from_user_line
    def set_variables(self, variables: dict[str, Weights]) -> None:
        """Put weights into the model; the tree must have the names and shapes of `variables`."""
        store(self.program, *checked(self.program, variables))

    def flat_params(self) -> tuple[jax.Array, Any]:
        """`(vector, unravel)`: all parameters as one vector, and the function back to the tree."""
        return jax.flatten_util.ravel_pytree(self.params)

    def get_weights(self) -> list[np.ndarray]:
        """All arrays in Keras's order: layer by layer, within a layer parameters before state."""
        params, state = self.weights()
        return [np.asarray(leaf) for leaf in keras_order(self.program, params, state)]

    @from_user_line
    def set_weights(self, weights: Sequence[Any]) -> None:
        """Put arrays in the order of `get_weights` into the model; shapes must agree."""
        store(self.program, *from_keras_order(self.program, weights))

    @from_user_line
    def copy_weights(self, other: Model, *, skip_mismatch: bool = False) -> Copied:
        """Take over the weights of another model's layers of the same names (`hidden/kernel` into `hidden/kernel`).

        Arrays that only one of the models has are left alone; print the result to see which. What is copied is a
        copy: the models go apart again in training.

        Args:
            other: The model to copy from.
            skip_mismatch: Leave arrays whose shapes differ as they are, such as those of a head with other classes.

        Raises:
            DeepkitError: for arrays of the same name in different shapes, or if there is nothing to copy.
        """
        if not isinstance(other, Model):
            raise DeepkitTypeError(
                f"copy_weights was given {described(other)}, not a model. For files use load_weights, for arrays "
                "set_weights."
            )
        for model in (self, other):
            model.weights()
        return copy_weights(self.program, other.program, skip_mismatch)

    def count_params(self) -> int:
        """Number of parameters, state included, as Keras counts; nothing is computed."""
        return sum(math.prod(weight.shape) for weight in jax.tree.leaves(self.program.weight_tree(), is_leaf=is_weight))

    # Training.

    @from_user_line
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        """Choose what to minimise, how, and what to measure. Nothing is compiled yet; mistakes are found here (for a
        subclass that is not built yet, when it is).

        Args:
            optimizer: Name, `dk.optimizers` object (copied: its learning rate belongs to this model), or any
                `optax.GradientTransformation`. Keras's default, "rmsprop".
            loss: Name, `dk.losses` object or function `f(y_true, y_pred)`; a list or dict for several outputs.
                Whether it is computed from logits is read from the graph.
            metrics: Names, objects or functions; every row counts once. They are in the target's own units, also where
                the encoder scales it; the loss is in the scaled units that it is minimised in.
            loss_weights: Factors of the outputs' losses in the total.
            weighted_metrics: Metrics in which rows count by their sample weight.

        Raises:
            DeepkitError: for unknown names, and for losses and metrics that make no sense on their output.
        """
        if not self.built:
            self._choices = {
                "optimizer": optimizer, "loss": loss, "metrics": metrics, "loss_weights": loss_weights,
                "weighted_metrics": weighted_metrics,
            }  # fmt: skip
            return
        self.program.check_borrowed()
        heads = resolve_heads(self.graph, loss, loss_weights, metrics, weighted_metrics)
        if self.encoder is not None and self.encoder.target_scale is not None:
            heads = tuple(dataclasses.replace(head, scale=self.encoder.target_scale) for head in heads)
        self._trainer = Trainer(self.program, compiled_optimizer(optimizer), heads)

    @property
    @from_user_line
    def optimizer(self) -> Optimizer:
        """The model's own optimizer; set `model.optimizer.learning_rate` at any time."""
        return self._require_trainer("optimizer").optimizer

    def _require_trainer(self, what: str) -> Trainer:
        if self._choices is not None and not self.built:
            raise subclass.unbuilt(self, what)
        if self._trainer is None:
            raise DeepkitValueError(
                f"{what} needs a compiled model. Call model.compile(optimizer='adam', loss=…) first."
            )
        return self._trainer

    @from_user_line
    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = DEFAULT_BATCH_SIZE,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Iterable[Any] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_batch_size: int | None = None,
        *,
        seed: int = 0,
    ) -> History:
        """Train. Where the data fits on the device, the whole run is one compiled program.

        Training goes on where an earlier `fit` ended: `fit(epochs=10)` twice gives the bits of `fit(epochs=20)` once.

        Args:
            x: Arrays, a DataFrame, a `Split` part, lists or dicts of arrays by input; or an iterable (or a function
                that returns one) of batches `(x, y)` or `(x, y, weights)`.
            y: Targets, one array per output; not with parts and iterables, which bring theirs.
            batch_size: Rows per step; `None` is the full batch. The last, smaller batch of an epoch is used whole.
            epochs: Epoch to end with; `epochs - initial_epoch` are trained, as in Keras.
            verbose: "auto" (a live line on a terminal, else one line at the end), 0, 1 (live) or 2 (a line per epoch).
            callbacks: From `dk.callbacks`, or your own.
            validation_split: Share of the rows to validate on, shuffled by the seed and stratified where the target
                has classes (Keras takes the last rows); `history.validation_rows` tells which.
            validation_data: `(x, y)`, `(x, y, weights)` or a part; measured after every epoch.
            shuffle: Whether every epoch takes the rows in a new order.
            class_weight: `{class: weight}`, multiplied into the sample weights; for several outputs by output name.
            sample_weight: A weight per row. The loss of a batch is Σ weight·loss / rows.
            initial_epoch: Number of the first epoch, for the history.
            steps_per_epoch: With iterables: batches that make an epoch.
            validation_batch_size: Rows per batch in validation; only memory depends on it.
            seed: Of the first weights, the order of the rows, dropout and everything else random.

        Returns:
            The history: `history.history["val_loss"]`, `history.frame()`, `history.plot()`.
        """
        arguments = dict(locals())
        del arguments["self"]
        self._build_for(x)
        self.history = fitting.fit(self, self._require_trainer("fit"), **arguments)
        return self.history

    @from_user_line
    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = 0,
        sample_weight: Any = None,
    ) -> dict[str, Any]:
        """Loss and metrics over all rows, by history key; the loss includes the weight penalties, as in training.

        Takes what `fit` takes. Opening a test part is counted (`split.test.openings`). `verbose=1` prints the figures.
        """
        self._build_for(x)
        return fitting.evaluate(self, self._require_trainer("evaluate"), x, y, batch_size, verbose, sample_weight)

    @from_user_line
    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None) -> dict[str, Any]:
        """One gradient step on these rows; loss and metrics of the batch before it."""
        self._build_for(x)
        history = fitting.fit(
            self, self._require_trainer("train_on_batch"), x=x, y=y, batch_size=None, epochs=1, verbose=0,
            callbacks=None, validation_split=0.0, validation_data=None, shuffle=False, class_weight=class_weight,
            sample_weight=sample_weight, initial_epoch=0, steps_per_epoch=None, validation_batch_size=None, seed=0,
            purpose="train_on_batch",
        )  # fmt: skip
        return {key: values[0] for key, values in history.history.items()}

    @from_user_line
    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = 0) -> Any:
        """Outputs in evaluation mode, as NumPy arrays (arranged as the model's outputs).

        Args:
            x: Arrays, a raw table if the model has an encoder, a part, or an iterable of batches.
            batch_size: Rows per step, by default 1024, fewer where rows are large; only memory and speed depend on it.
            verbose: Not needed; accepted for Keras's sake.
        """
        self._build_for(x)
        if fitting.is_stream(x):
            return fitting.predict_stream(self, x)
        size = check_batch_size(batch_size) or rows_at_once(self.graph)
        arrays = input_arrays(model_inputs(self, x, "predict"), self.graph)
        check_ready(self)
        outputs = self._predict_arrays(arrays, size)
        return in_own_units(self, restore(outputs, self.graph))

    def _predict_arrays(self, arrays: Sequence[np.ndarray], batch_size: int) -> list[np.ndarray]:
        enable_compilation_cache()
        return self._predict(*self.weights(), arrays, batch_size)

    # Looking inside, keeping, shipping: the rooms above are imported when they are asked for.

    def summary(self, detail: bool = False) -> None:
        """Print the layers with output shapes and parameters; with `detail`, what each of them costs.

        `deepkit.inspect.summary_frame(model)` gives all of it as a DataFrame.
        """
        from deepkit.inspect import summary

        summary(self, detail)

    @from_user_line
    def plot(self, path: Any = None) -> Figure:
        """The graph as a picture: a box per layer call with its name, class, output shape and parameters.

        Args:
            path: Where to write it, if anywhere: a name that ends in `.svg`, `.png` or `.pdf`.

        Returns:
            The matplotlib figure; a notebook shows it.
        """
        from deepkit.plots import model_graph

        return model_graph(self, path)

    @from_user_line
    def save(self, path: Any) -> None:
        """Write the model to one file: JSON and safetensors, no code and no pickle. `dk.load_model` reads it.

        Kept are the graph, all weights, the encoder, what `compile` chose and the state of the optimizer. The file is
        written beside the old one and renamed, so that a crash leaves the one or the other, whole. A digest tells
        damage when it is read.

        Args:
            path: Name that ends in `.deepkit`.

        Raises:
            DeepkitError: for another ending, a place that cannot be written to, or a layer that holds what JSON cannot.

        Functions and classes of yours are kept by name; `load_model` asks for them. An `optax.GradientTransformation`
        has none: then a warning says that optimizer, losses and metrics are left out.
        """
        from deepkit.export import save_model

        save_model(self, path)

    @from_user_line
    def export(self, path: Any) -> None:
        """Write the weights to `.npz` or `.safetensors`, named by their path: `params/dense/kernel`, `state/…`.

        Args:
            path: Its ending says the format. bfloat16 is written to `.npz` as float32, which holds it exactly.

        Raises:
            DeepkitError: for another ending, or a place that cannot be written to.
        """
        from deepkit.export import export_weights

        export_weights(self, path)

    @from_user_line
    def load_weights(self, path: Any, by: str = "name") -> None:
        """Read the weights of an `.npz`, `.safetensors` or `.deepkit` file; all of them fit, or none is loaded.

        Args:
            path: The file. Pickles in it are refused.
            by: "name": the file has the arrays of the model, by the paths that `export` writes. "topology": names do
                not count; the arrays stand in the order of `get_weights`, with the same shapes.

        Raises:
            DeepkitError: for arrays that are missing, too many, or of another shape, naming both sides; and for a
                damaged or foreign file.
        """
        from deepkit.export import load_weights

        load_weights(self, path, by)


class Sequential(Model):
    """Layers one after another.

        dk.Sequential([dk.Input(29), dk.layers.Dense(16, "relu"), dk.layers.Dense(1, "sigmoid")])

    Args:
        layers: `dk.Input(…)` first, then layers or models.
        name, encoder: As in `Model`.
    """

    @from_user_line
    def __init__(self, layers: Sequence[Any], *, name: str | None = None, encoder: Any = None) -> None:
        if not isinstance(layers, list | tuple):
            raise DeepkitTypeError(
                f"Sequential was given {described(layers)}, not a list. Write Sequential([dk.Input(29), …])."
            )
        if not layers or not isinstance(layers[0], SymbolicTensor):
            raise DeepkitTypeError(
                f"Sequential starts with {described(layers[0]) if layers else 'nothing'}, so the shape of the input is "
                "unknown. Put dk.Input(…) first: Sequential([dk.Input(29), …])."
            )
        tensor = layers[0]
        for layer in layers[1:]:
            if not isinstance(layer, Layer | Model):
                raise DeepkitTypeError(
                    f"Sequential holds {described(layer)}, which is not a layer. {_as_a_layer(layer)}"
                )
            tensor = layer(tensor)
        if tensor is layers[0]:
            raise DeepkitValueError("Sequential holds an Input and no layer. Add at least one.")
        super().__init__(layers[0], tensor, name=name, encoder=encoder)


def _as_a_layer(thing: Any) -> str:
    """How to put a thing into `Sequential` that is not a layer."""
    if isinstance(thing, type):
        return f"Make one of it: dk.layers.{thing.__name__}(…)."
    if isinstance(thing, str):
        return f"Write dk.layers.Activation({thing!r}), or pass it to the layer before: Dense(16, {thing!r})."
    if isinstance(thing, SymbolicTensor):
        return "Pass the layers themselves, without calling them; for several inputs or branches use dk.Model."
    if callable(thing):
        return "Wrap it: dk.layers.Lambda(function), or dk.layers.Activation(function) for an activation."
    return "Pass layers, such as dk.layers.Dense(16)."
