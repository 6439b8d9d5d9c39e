"""Looking into a model: what it is made of, and what it costs."""

from deepkit.inspect.summary import summary, summary_frame

__all__ = ["summary", "summary_frame"]
