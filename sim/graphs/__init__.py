"""ONNX graphs, read once for all: checked, with every shape known, and the matrix products that they hold."""

from sim.graphs.load import load_graph
from sim.graphs.nodes import GraphError
from sim.graphs.read import read_graph

__all__ = ["GraphError", "load_graph", "read_graph"]
