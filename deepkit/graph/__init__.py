"""The declaration: symbolic tensors, the nodes that make them, and the immutable graph between two of them."""

from deepkit.graph.graph import Graph
from deepkit.graph.spec import Meaning, Spec
from deepkit.graph.tensor import Input, Node, SymbolicTensor, connect

__all__ = ["Graph", "Input", "Meaning", "Node", "Spec", "SymbolicTensor", "connect"]
