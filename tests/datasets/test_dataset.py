"""The object that every loader returns, and the data that come inside scikit-learn."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from deepkit.datasets import Dataset, load_digits, load_iris, load_wine
from deepkit.errors import DeepkitTypeError, DeepkitValueError


def test_scikit_learn_copies():
    wine, iris, digits = load_wine(), load_iris(), load_digits()
    assert wine.frame().shape == (178, 14) and np.bincount(wine.y).tolist() == [59, 71, 48]
    assert iris.frame().shape == (150, 5) and iris.classes == ("setosa", "versicolor", "virginica")
    assert digits.x.shape == (1797, 8, 8, 1) and digits.x.dtype == np.uint8 and digits.x.max() == 16
    assert digits.classes == tuple("0123456789")
    assert (iris.y == np.repeat([0, 1, 2], 50)).all()
    assert iris.frame().columns[-1] == "species"


def test_frame_is_a_copy():
    data = load_iris()
    frame = data.frame()
    frame.iloc[:, :] = 0
    assert data.x.to_numpy().min() > 0


def test_images_have_no_frame():
    with pytest.raises(DeepkitTypeError, match=r"uint8 \(1797, 8, 8, 1\), not a table"):
        load_digits().frame()


def test_select_by_booleans_and_by_numbers():
    data = load_iris()
    assert data.select(data.y == 2).y.unique().tolist() == [2]
    assert data.select([149, 0]).y.tolist() == [2, 0]
    with pytest.raises(DeepkitValueError, match=r"\(3,\) booleans for 150 rows"):
        data.select([True, False, True])
    with pytest.raises(DeepkitValueError, match="numbered 0 to 149"):
        data.select([150])
    with pytest.raises(DeepkitTypeError, match="float64"):
        data.select([0.5])


def test_rows_must_agree():
    with pytest.raises(DeepkitValueError, match="x has 3 rows and y has 2"):
        Dataset(np.zeros((3, 1)), np.zeros(2))
    with pytest.raises(DeepkitValueError, match="different row counts"):
        Dataset({"a": np.zeros((3, 1)), "b": np.zeros((4, 1))})
    with pytest.raises(DeepkitTypeError, match="got str"):
        Dataset("x")


def test_without_target():
    data = Dataset(pd.DataFrame({"a": [1, 2]}))
    assert data.frame().equals(pd.DataFrame({"a": [1, 2]}))
    assert "no target" in repr(data)


def test_repr_says_what_is_there():
    assert repr(load_iris()) == "Dataset(iris: x is a table of 150 rows × 4 columns, target 'species' of 3 classes)"


def test_importing_the_loaders_imports_no_optional_library():
    code = (
        "import sys, deepkit.datasets, deepkit.preprocessing, deepkit.data;"
        "print([m for m in ('pandas', 'sklearn', 'rich', 'flax', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_pandas_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(Exception, match=r'pip install "deepkit\[tables\]"'):
        load_wine()
