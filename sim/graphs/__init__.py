"""ONNX graphs, read once for all: checked, with every shape known, and the matrix products that they hold."""

from sim.graphs.load import GraphError, load_graph
from sim.graphs.read import read_graph

__all__ = ["GraphError", "load_graph", "read_graph"]
