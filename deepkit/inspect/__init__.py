"""Looking into a model: what it is made of, and what it costs."""

from deepkit.inspect.linear_stacks import linear_stacks
from deepkit.inspect.redundancy import redundant_biases
from deepkit.inspect.summary import summary, summary_frame

__all__ = ["linear_stacks", "redundant_biases", "summary", "summary_frame"]
