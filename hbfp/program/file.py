"""Command programs as files.

A program is a ZIP archive:

=========================  ===================================================================================
``program.json``           an object: ``format`` "hbfp-program", ``version`` 3, ``machine`` (the parameters of the core),
                           ``network`` (a name), ``operands`` ("packed" or "fp32"), ``layers``
``network.onnx``           the network, for all that is no product; weights that are in blocks stand in it as sparse tensors without
                           elements
``weights/L.P.bin``        B of product P of layer L as packed blocks, where it does not depend on the inputs
=========================  ===================================================================================

A layer has ``name``, ``operation``, ``width`` (of both mantissas) and ``products``, in the order in which the layer asks
for them. A product has ``sizes`` [M, K, N], ``bias`` (whether one is added), ``weights`` (whether B is in the file) and
``commands``: each the command word in hexadecimal and the row, inner place and column at which its part of the product begins.
A convolution may be a walk over its feature map (version 3): then the command says how, and K and B have whole blocks of channels.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from golden import packed_size
from hw.command import pack_command, unpack_command
from hw.config import CoreConfig
from hw.host.files import write_files
from sim.devices.job import Job
from sim.devices.jobs import block_format

__all__ = ["FORMAT", "VERSION", "LayerProgram", "ProductProgram", "Program", "is_program", "read_program", "write_program"]

FORMAT = "hbfp-program"
VERSION = 3
READ = (1, 2, 3)
"""Versions that are read; in the first the graph holds all weights in FP32 too, and in the first two no map is walked."""
LARGEST = 1 << 32
"""Bytes of the largest member that is read."""


@dataclass(frozen=True)
class ProductProgram:
    """A product's commands.

    Attributes
    ----------
    sizes
        M, K, N.
    bias
        whether one is added.
    jobs
        the commands and their places.
    weights
        B as packed blocks; None where it depends on the inputs.
    """

    sizes: tuple[int, int, int]
    bias: bool
    jobs: tuple[Job, ...]
    weights: bytes | None = None


@dataclass(frozen=True)
class LayerProgram:
    """A layer's products. Members: name and operation of its node, mantissa width in bits, products in order."""

    name: str
    operation: str
    width: int
    products: tuple[ProductProgram, ...]


@dataclass(frozen=True)
class Program:
    """A network compiled for a machine.

    Attributes
    ----------
    machine
        the core.
    network
        name of the file it was.
    operands
        what operands go to the device as: "packed" or "fp32".
    layers
        in the order of their execution.
    model
        the network as ONNX.
    """

    machine: CoreConfig
    network: str
    operands: str
    layers: tuple[LayerProgram, ...]
    model: bytes


def is_program(path: Path) -> bool:
    """Whether a file is an archive, as programs are and ONNX graphs are not."""
    return path.is_file() and zipfile.is_zipfile(path)


def write_program(program: Program, path: Path) -> None:
    """Write a program, whole or not at all.

    Raises
    ------
    ValueError
        as of ``hw.host.files.write_files``.
    """
    layers, members = [], {"network.onnx": program.model}
    for i, layer in enumerate(program.layers):
        products = []
        for j, product in enumerate(layer.products):
            if product.weights is not None:
                members[f"weights/{i}.{j}.bin"] = product.weights
            words = [
                [f"{pack_command(**job.fields):#x}", job.rows.start, job.inner.start, job.columns.start]
                for job in product.jobs
            ]
            products.append({
                "sizes": list(product.sizes), "bias": product.bias, "weights": product.weights is not None, "commands": words,
            })  # fmt: skip
        layers.append({"name": layer.name, "operation": layer.operation, "width": layer.width, "products": products})
    header = {
        "format": FORMAT, "version": VERSION, "machine": program.machine.to_dict(), "network": program.network,
        "operands": program.operands, "layers": layers,
    }  # fmt: skip
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"program.json": json.dumps(header, indent=1).encode(), **members}.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # without a date: the same program is the same file
    write_files({path: file.getvalue()})


def read_program(path: Path) -> Program:
    """A program from its file.

    Raises
    ------
    FileNotFoundError, ValueError
        naming the file and what is wrong with it.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; hbfp compile makes programs")
    try:
        with zipfile.ZipFile(path) as archive:
            header = json.loads(_member(archive, "program.json"))
            if not isinstance(header, dict) or header.get("format") != FORMAT or header.get("version") not in READ:
                raise ValueError(f"program.json must be of format {FORMAT}, version {', '.join(map(str, READ[:-1]))} or {READ[-1]}")
            machine = CoreConfig.from_dict(header["machine"])
            layers = tuple(_layer(machine, i, layer, archive) for i, layer in enumerate(header["layers"]))
            if header["operands"] not in ("packed", "fp32"):
                raise ValueError(f"operands must be packed or fp32, not {header['operands']}")
            return Program(machine, str(header["network"]), header["operands"], layers, _member(archive, "network.onnx"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError, zipfile.BadZipFile) as error:
        text = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path.name} is not a program of hbfp compile: {text}") from None


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > LARGEST:
        raise ValueError(f"{name} must have at most {LARGEST} bytes")
    return archive.read(name)


def _layer(machine: CoreConfig, number: int, values: Mapping[str, Any], archive: zipfile.ZipFile) -> LayerProgram:
    products = []
    for j, product in enumerate(values["products"]):
        m, k, n = (int(size) for size in product["sizes"])
        jobs = tuple(_job(int(word, 16), *(int(x) for x in at)) for word, *at in product["commands"])
        where = f"layer {values['name']}, product {j}"
        for job in jobs:
            if job.rows.stop > m or job.inner.stop > k or job.columns.stop > n:
                raise ValueError(f"{where}: a command goes beyond {m} x {k} x {n}")
        covered = sum(job.fields["rows"] * job.fields["inner"] * job.fields["columns"] for job in jobs)
        if covered != m * k * n:
            raise ValueError(f"{where}: its commands must make all of {m} x {k} x {n}")
        weights = _member(archive, f"weights/{number}.{j}.bin") if product["weights"] else None
        size = packed_size(n * -(-k // machine.block_size), block_format(machine, values["width"]))
        if weights is not None and len(weights) != size:
            raise ValueError(f"{where}: weights must have {size} bytes, not {len(weights)}")
        products.append(ProductProgram((m, k, n), bool(product["bias"]), jobs, weights))
    return LayerProgram(str(values["name"]), str(values["operation"]), int(values["width"]), tuple(products))


def _job(word: int, row: int, inner: int, column: int) -> Job:
    fields = unpack_command(word)
    starts = (row, inner, column)
    rows, parts, columns = (
        slice(start, start + fields[name]) for start, name in zip(starts, ("rows", "inner", "columns"), strict=True)
    )
    return Job(fields, rows, parts, columns)
