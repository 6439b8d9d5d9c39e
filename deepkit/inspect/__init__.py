"""Looking into a model: what it is made of, and what it costs."""

from deepkit.inspect.redundancy import redundant_biases
from deepkit.inspect.summary import summary, summary_frame

__all__ = ["redundant_biases", "summary", "summary_frame"]
