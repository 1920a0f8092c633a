"""What lies between the products of a network: ONNX Runtime computes it."""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, OperatorSetIdProto

from hbfp.run.lowering.replacement import Arrays, tensors
from sim.graphs.nodes import GraphError, reads, subgraphs

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["Segment", "computed", "session"]

Shapes = dict[str, tuple[int | None, ...]]
RUNTIME_BYTES = 8 << 30
"""What ONNX Runtime may hold at once, whatever shapes turn out to be."""


class Segment:
    """Nodes that ONNX Runtime computes between products.

    Parameters
    ----------
    nodes
        in order.
    outputs
        tensors that are needed later.
    constants, opsets, name
        of the network.
    """

    def __init__(
        self, nodes: list[NodeProto], outputs: list[str], constants: Arrays, opsets: list[OperatorSetIdProto], name: str
    ):
        self.nodes, self.outputs, self.constants, self.opsets, self.name = nodes, outputs, constants, opsets, name
        made = {name for node in nodes for name in node.output}
        self.reads = sorted({name for node in nodes for name in reads(node)} - made)
        self._session: InferenceSession | None = None
        self._shapes: Shapes = {}

    def run(self, values: Arrays) -> None:
        """Put the outputs among the values.

        Raises
        ------
        GraphError
            as of ``computed``; for a value that is no tensor.
        """
        if not self.outputs:
            return
        given = {name: values[name] for name in self.reads if name in values}
        for name, value in given.items():
            if not isinstance(value, np.ndarray):
                raise GraphError(f"{self.name}: {name} must be a tensor to be beside products that run on a device")
        shapes = self._shapes_for(given)
        if self._session is None or shapes != self._shapes:
            self._session, self._shapes = session(self._model(given, shapes), self.name), shapes
        values.update(computed(self._session, self.outputs, given, self.name))

    def _shapes_for(self, given: Arrays) -> Shapes:
        """Those given; those of the session, where it is for them too; without extents, if they change from run to run."""
        shapes: Shapes = {name: x.shape for name, x in given.items()}
        if self._session is None or shapes == self._shapes:
            return shapes
        return {name: (None,) * len(shape) for name, shape in shapes.items()}

    def _model(self, given: Arrays, shapes: Shapes) -> ModelProto:
        inputs = [onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(x.dtype), shapes[name])
                  for name, x in given.items()]  # fmt: skip
        constants = {n: self.constants[n] for n in self.reads if n not in given and n in self.constants}
        outputs = [onnx.ValueInfoProto(name=name) for name in self.outputs]
        graph = onnx.helper.make_graph(self.nodes, "segment", inputs, outputs, tensors(constants))
        return onnx.helper.make_model(graph, opset_imports=self.opsets, ir_version=10)


def computed(session: "InferenceSession", outputs: list[str], given: dict[str, Any], name: str) -> dict[str, Any]:
    """Outputs by name.

    Raises
    ------
    GraphError
        with ONNX Runtime's words, for what it cannot compute or has no memory for.
    """
    try:
        return dict(zip(outputs, session.run(outputs, given), strict=True))
    except Exception as error:
        text = " ".join(str(error).split())
        if "arena" in text:
            text = f"it must need at most {RUNTIME_BYTES >> 30} GiB ({text})"
        raise GraphError(f"{name}: ONNX Runtime cannot compute it: {text[:300]}") from error


def session(model: ModelProto, name: str) -> "InferenceSession":
    """An ONNX Runtime session of a model, as deterministic as it can be."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError("the Python package onnxruntime is not installed; run: pip install 'hbfp[graphs]'") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised
    options.intra_op_num_threads = 1
    for key, value in _limits().items():
        options.add_session_config_entry(key, value)
    # What it works out beforehand, it allocates beside its limit; outside of inner graphs all that was done before.
    without = ["ConstantFolding"] if any(subgraphs(node) for node in model.graph.node) else []
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"], disabled_optimizers=without
        )
    except Exception as error:
        raise GraphError(f"{name}: ONNX Runtime does not take it: {' '.join(str(error).split())[:300]}") from error


@cache
def _limits() -> dict[str, str]:
    """Settings of an ONNX Runtime session that keep it within ``RUNTIME_BYTES``, all sessions of the process together."""
    import onnxruntime as ort

    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg({"max_mem": RUNTIME_BYTES, "arena_extend_strategy": 1}))
    return {"session.use_env_allocators": "1"}
