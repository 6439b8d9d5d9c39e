"""Real data sets, read strictly: from your path, `$DEEPKIT_DATA`, the cache, or the official address."""

from deepkit.datasets.auto_mpg import load_auto_mpg
from deepkit.datasets.cifar10 import load_cifar10
from deepkit.datasets.dataset import Dataset
from deepkit.datasets.heart_disease import load_heart_disease
from deepkit.datasets.scikit_learn import load_digits, load_iris, load_wine
from deepkit.datasets.shakespeare import load_shakespeare
from deepkit.datasets.text import Text
from deepkit.datasets.wine_quality import load_wine_quality

__all__ = [
    "Dataset",
    "Text",
    "load_auto_mpg",
    "load_cifar10",
    "load_digits",
    "load_heart_disease",
    "load_iris",
    "load_shakespeare",
    "load_wine",
    "load_wine_quality",
]
