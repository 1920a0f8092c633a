"""Files by grammar: networks, topologies, JSON, arrays and libraries, whole and broken."""

import json
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from onnx import TensorProto, helper, numpy_helper

__all__ = ["GOOD"]

ROOT = Path(__file__).parents[2]


def network(nodes=None, initializers=None, inputs=None, outputs=None) -> bytes:
    """A network as ONNX; by default x (N, 8) times w (8, 4)."""
    w = numpy_helper.from_array(np.linspace(-1, 1, 32, dtype=np.float32).reshape(8, 4), "w")
    inputs = inputs or [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 8])]
    outputs = outputs or [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])]
    nodes = nodes or [helper.make_node("MatMul", ["x", "w"], ["y"], "layer")]
    graph = helper.make_graph(nodes, "net", inputs, outputs, initializers or [w])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()


def arrays(**values) -> bytes:
    """An .npz file."""
    file = BytesIO()
    np.savez(file, **values)
    return file.getvalue()


def array(value) -> bytes:
    """An .npy file."""
    file = BytesIO()
    np.save(file, value)
    return file.getvalue()


@cache
def _report() -> bytes:
    from sim.study.explore import evaluate

    return json.dumps(evaluate("resnet20", {}).to_dict()).encode()


@cache
def _program() -> bytes:
    from hbfp.program import compile_network, write_program
    from hbfp.run import Network
    from hw.config import CoreConfig

    machine = CoreConfig(block_size=8, lanes=4, tile_rows=2, tile_columns=2, operand_depth=8, features=("packed",))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        path.write_bytes(network())
        write_program(compile_network(Network(path, batch=1), machine, "all-4"), path.with_suffix(".hbfp"))
        return path.with_suffix(".hbfp").read_bytes()


@cache
def GOOD() -> dict[str, bytes]:
    """Files that are what they seem, for options that take one."""
    from hw.config import CoreConfig

    return {
        "net.onnx": network(),
        "net.hbfp": _program(),
        "net.csv": b"Layer,M,N,K\nfirst,8,16,32\n[red]last[/blue],4,4,4\n",
        "x.npz": arrays(x=np.ones((1, 8), np.float32)),
        "labels.npy": array(np.array([0])),
        "widths.json": b'{"layer": 6}',
        "machine.json": json.dumps({"parameters": CoreConfig().to_dict()}).encode(),
        "report.json": _report(),
        "rows.json": json.dumps({"rows": json.loads((ROOT / "docs" / "density.json").read_text())["rows"][:3]}).encode(),
        "cells.lib": (ROOT / "synth" / "mapping" / "reference.lib").read_bytes(),
        "page.md": b"<!-- claims -->\n<!-- /claims -->\n<!-- tiles -->\n<!-- /tiles -->\n",
        "deep.json": b"[" * 100_000,
        "binary.json": bytes(range(256)),
        "empty.json": b"",
    }
