"""`model.save` and `dk.load_model`."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from deepkit.errors import DeepkitError, DeepkitTypeError, DeepkitValueError, DeepkitWarning, from_user_line
from deepkit.export.arrays import present_arrays, put_arrays
from deepkit.export.container import pack, unpack
from deepkit.export.declaration import Reader, Writer
from deepkit.export.files import as_path, read_whole, write_whole
from deepkit.export.names import Names, vocabulary, what_is_missing
from deepkit.export.training import PREFIX, read_training, remembered, remind, written_training
from deepkit.model import Model, Sequential
from deepkit.preprocessing import TableEncoder
from deepkit.program import SubModel

SUFFIX = ".deepkit"


def save_model(model: Model, path: Any) -> None:
    """Write a model to one file; see `Model.save`."""
    target = as_path(path)
    if target.suffix != SUFFIX:
        raise DeepkitValueError(
            f"save writes a deepkit model, and {target.name!r} does not end in {SUFFIX}. "
            f"Call model.save({str(pathlib.Path(path).with_suffix(SUFFIX))!r}), or model.export('m.npz') for weights."
        )
    if not isinstance(model.encoder, TableEncoder | None):
        raise DeepkitTypeError(
            f"the encoder is {model.encoder!r}, and only a dk.preprocessing.TableEncoder can be saved with a model. "
            "Save the model without it: dk.Model(inputs, outputs).save(path)."
        )
    names = Names()
    writer = Writer(names)
    graph = writer.graph(model.graph)
    training = written_training(model._trainer, names)
    arrays = present_arrays(model.program)
    if training is not None and model._trainer is not None:
        training["counts"], memory = remembered(model._trainer)
        arrays |= memory
    declaration = {
        "model": {
            "kind": next(name for name, kind in _kinds().items() if isinstance(model, kind)),
            "name": model.layer.name,
            "given": model.layer.given_name,
            "trainable": model.layer.trainable,
        },
        "layers": writer.layers,
        "graph": graph,
        "training": training,
        "encoder": None if model.encoder is None else model.encoder.to_config(),
        "columns": model.columns,
    }
    write_whole(target, pack(declaration, arrays))


@from_user_line
def load_model(path: Any, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """The model that `model.save` wrote: same outputs, bit for bit, and same names.

    Nothing in the file is executed, and no pickle is read: it holds numbers and names. deepkit's own names are
    known; a name of yours (a layer class, an activation, the function of a `Lambda`) means what you say it means.

    What comes back: the graph with shared layers and sub-models, all weights (of a model that had none yet, none),
    frozen layers, the encoder, the columns of the training table; what `compile` chose, with the learning rate as it
    was; and the state of the optimizer, so that `fit` goes on as if the model had never been saved. What does not:
    the history, and callbacks. A `Sequential` or `Ensemble` comes back as one, any other subclass as a `Model`.

    Args:
        path: The file.
        custom_objects: Your classes and functions by the names under which the file needs them. Those without
            a name of their own (a lambda, a `flax.nnx` module) go by the place where they stood, such as
            "dense_1.activation"; if one is missing, the error says which.

    Returns:
        The model. If only the loss, a metric or the optimizer needs something that is not passed, a
        `DeepkitWarning` says so, and the model comes back not compiled.

    Raises:
        DeepkitValueError: if the file is missing, cut off, changed in any bit, of another kind, or of a newer format;
            or if it needs a class or function that was not passed.
    """
    file = as_path(path)
    custom = _checked(custom_objects)
    content, arrays = unpack(read_whole(file), file)
    if "model" not in content:
        raise DeepkitValueError(
            f"{file} holds weights that model.export wrote, and no model. "
            "Declare the model, and call model.load_weights(path)."
        )
    known = {**vocabulary(), **custom}
    try:
        return _built(content, arrays, known, file)
    except DeepkitError as error:
        raise type(error)(f"{file} cannot be loaded: {error}") from error.__cause__
    except DeepkitWarning:  # The user has made warnings errors.
        raise
    # The file is whole, but names, shapes and arguments may be of another version or of other custom objects.
    except Exception as error:
        raise DeepkitValueError(
            f"{file} cannot be built as it is declared ({type(error).__name__}: {error}). If it needs "
            "classes or functions of yours, pass those that it was saved with; otherwise save it again."
        ) from error


def _built(content: Mapping[str, Any], arrays: Mapping[str, Any], known: Mapping[str, Any], file: Any) -> Model:
    problem = what_is_missing([layer for layer in content["layers"] if "class" in layer], known)
    if problem:
        raise DeepkitValueError(problem)
    reader = Reader(content["layers"], known)
    inputs, outputs = reader.tensors(content["graph"])
    declared, encoder = content["model"], content["encoder"]
    model = object.__new__(_kinds()[declared["kind"]])
    # The constructors of the kinds would connect the layers once more.
    Model.__init__(
        model,
        inputs,
        outputs,
        encoder=None if encoder is None else TableEncoder.from_config(encoder),
    )
    reader.finish()
    # Made anew, because setting trainable afterwards would set it in every layer.
    model.layer = SubModel(model.graph, name=declared["name"], trainable=declared["trainable"])
    model.layer.holder.name = declared["given"]
    model.columns = None if content["columns"] is None else tuple(content["columns"])
    memory = {name: array for name, array in arrays.items() if name.startswith(PREFIX)}
    put_arrays(model.program, {name: array for name, array in arrays.items() if name not in memory})
    training = content["training"]
    model._trainer = read_training(training, model.program, known, file)
    if model._trainer is not None:
        remind(model._trainer, training["counts"], memory, file)
    return model


def _kinds() -> dict[str, type[Model]]:
    """Models that come back as what they were, the most special first."""
    from deepkit.ensembles import Ensemble  # which is built upon sweeps, and their files upon this package

    return {"Sequential": Sequential, "Ensemble": Ensemble, "Model": Model}


def _checked(custom_objects: Any) -> dict[str, Any]:
    if custom_objects is None:
        return {}
    if not isinstance(custom_objects, Mapping) or not all(isinstance(name, str) for name in custom_objects):
        raise DeepkitTypeError(
            f"custom_objects={custom_objects!r}: expected a dict from names to your classes and functions, "
            "such as {'Scale': Scale}."
        )
    return dict(custom_objects)
