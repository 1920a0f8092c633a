"""Trained models out of PyTorch: ONNX files that know their widths, weights in packed blocks."""

import json
from ast import literal_eval
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from golden import dequantize, pack, quantize, unpack
from hbfp.torch.convert import restore
from hbfp.torch.formats import HBFP
from hbfp.torch.layers import ConvertedLayer, TransposedLayer
from hbfp.torch.matrices import as_matrix, as_weight
from hbfp.torch.run import Run

__all__ = ["export_onnx", "pack_weights", "unpack_weights"]

SCOPES = "pkg.torch.onnx.name_scopes"


def export_onnx(model: nn.Module, run: Run, inputs: Mapping[str, torch.Tensor], path: Path) -> dict[str, int]:
    """Write a converted model as an ONNX file of float32 layers whose metadata say their widths now, for ``hbfp run``.

    Parameters
    ----------
    model
        stays as it is.
    run
        what ``convert`` returned.
    inputs
        an example of its inputs, in order, by the names the file shall give them.
    path
        of the file.

    Returns
    -------
    dict[str, int]
        mantissa width by the name of the graph's node.
    """
    import onnx

    from hbfp.run.export import export
    from hbfp.run.widths import METADATA

    export(restore(deepcopy(model)), {name: value.numpy() for name, value in inputs.items()}, path)
    graph, layers = onnx.load(path), run.widths()
    widths: dict[str, int] = {}
    for node in graph.graph.node:
        scopes: list[str] = next((literal_eval(p.value) for p in node.metadata_props if p.key == SCOPES), [])
        for layer in scopes[1:-1]:
            if layer in layers and node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
                widths[node.name] = layers[layer]
    onnx.helper.set_model_props(graph, {METADATA: json.dumps(widths)})
    onnx.save(graph, path)
    return widths


def pack_weights(model: nn.Module) -> dict[str, dict[str, Any]]:
    """Weights of a converted model in packed blocks along their inputs, by parameter, at the widths they have now.

    An entry has the bytes (uint8), the parameter's shape, mantissa width and block size: for ``torch.save``.
    """
    packed = {}
    for name, module in model.named_modules():
        if not (isinstance(module, ConvertedLayer) and isinstance(module, nn.Module)):
            continue
        run = next(iter(module.slots.values())).run
        if not isinstance(run.format, HBFP):
            raise TypeError(f"format must be HBFP to pack weights, not {run.format}")
        width = max(slot.width for slot in module.slots.values())
        for own, parameter in module.named_parameters(recurse=False):
            if parameter.dim() < 2:
                continue
            first = isinstance(module, TransposedLayer)
            blocks = quantize(as_matrix(parameter, first), run.format.block(width), 1)
            packed[f"{name}.{own}" if name else own] = {
                "data": torch.from_numpy(pack(blocks)), "shape": tuple(parameter.shape), "mantissa_width": width,
                "block_size": run.format.block_size, "exponent_width": run.format.exponent_width, "inputs_first": first,
            }  # fmt: skip
    return packed


def unpack_weights(packed: Mapping[str, Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """float32 weights by parameter, for ``load_state_dict(..., strict=False)``."""
    weights = {}
    for name, entry in packed.items():
        shape, first = entry["shape"], entry["inputs_first"]
        format = HBFP(block_size=entry["block_size"], exponent_width=entry["exponent_width"]).block(entry["mantissa_width"])
        matrix = as_matrix(torch.empty(shape), first)
        weights[name] = as_weight(dequantize(unpack(entry["data"].numpy(), format, matrix.shape, 1)), shape, first)
    return weights
