"""The compiled kernels: built once by the machine's compiler, kept beside the simulator's cores."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
from contextlib import suppress
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from golden import BlockFormat, BlockTensor, Health
from golden.format import check_range
from golden.quantize import ROUNDINGS
from golden.stochastic import leap

__all__ = ["library", "multiply", "multiply_stack", "quantize_columns", "quantize_rows", "uniforms"]

SOURCE = Path(__file__).with_name("kernels.cpp")
FLAGS = ("-O3", "-march=native", "-fopenmp", "-shared", "-fPIC", "-std=c++17", "-fno-math-errno", "-fno-trapping-math",
         "-ffp-contract=off")  # fmt: skip
LANES = 64  # of the kernels' random sequence
KINDS = {"fp32": 0, "bf16": 1}
Array = NDArray[Any]


def _folder() -> Path:
    from sim.rtl.core import cache_folder

    return cache_folder()


def _machine() -> str:
    """What ``-march=native`` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return platform.processor()


@cache
def library(flags: tuple[str, ...] = ()) -> ctypes.CDLL:
    """The kernels, compiled on the first call; ``flags`` are added to the compiler's.

    Raises
    ------
    FileNotFoundError
        without a compiler.
    RuntimeError
        when it fails, with its message; when there is no place for the result.
    """
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise FileNotFoundError(f"hbfp.torch needs a C++ compiler, and {compiler} is not on the PATH; install it first")
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    text = "\0".join([*FLAGS, *flags, version, _machine()]).encode() + SOURCE.read_bytes()
    path = _folder() / f"torch-{hashlib.sha256(text).hexdigest()[:16]}" / "kernels.so"
    command = [compiler, *FLAGS, *flags, str(SOURCE)]
    try:
        if path.exists():
            with suppress(OSError):  # it was cut, or is another machine's: built again
                return ctypes.CDLL(str(path))
        _build(command, path)
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise RuntimeError(f"compiled kernels cannot be kept in {path.parent}: {error.strerror or error}") from None


def _build(command: list[str], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"kernels.{os.getpid()}.so")
    done = subprocess.run([*command, "-o", str(part)], capture_output=True, text=True)
    if done.returncode:
        part.unlink(missing_ok=True)
        raise RuntimeError(f"{command[0]} could not compile {SOURCE.name}:\n{done.stderr}")
    part.replace(path)


def _pointer(x: Array | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if x is None else x.ctypes.data)


def _numbers(*values: int) -> list[ctypes.c_int64]:
    return [ctypes.c_int64(value) for value in values]


def _draws(rounding: str, seed: int | None, shape: tuple[int, ...]) -> Array | None:
    if rounding != "stochastic":
        return None
    if seed is None:
        raise ValueError("seed must be given for stochastic rounding")
    return uniforms(seed, prod(shape))


def uniforms(seed: int, count: int) -> Array:
    """``golden.uniforms``: uint8."""
    check_range("seed", seed, 1, 2**32 - 1)
    steps = -(-count // LANES)
    out = np.empty(LANES * steps, np.uint8)
    library().hbfp_uniforms(ctypes.c_uint32(seed), _pointer(leap(steps)), *_numbers(steps), _pointer(out))
    return out[:count]


def _outputs(rows: int, length: int, format: BlockFormat) -> tuple[Array, Array, Array]:
    blocks = -(-length // format.block_size)
    mantissas = np.empty((rows, blocks, format.block_size), format.dtype)
    return mantissas, np.empty((rows, blocks), np.uint16), np.zeros(3, np.int64)


def _options(format: BlockFormat, rounding: str, power_of_two: str) -> tuple[int, ...]:
    return (
        format.mantissa_width, format.block_size, format.exponent_width, ROUNDINGS.index(rounding),
        int(power_of_two == "saturate"),
    )  # fmt: skip


def quantize_rows(
    x: Array, format: BlockFormat, rounding: str = "nearest", seed: int | None = None, power_of_two: str = "exact"
) -> BlockTensor:
    """``golden.quantize(x, format, 1, ...)`` of a contiguous float32 matrix."""
    rows, length = x.shape
    mantissas, fields, health = _outputs(rows, length, format)
    draws = _draws(rounding, seed, mantissas.shape)
    library().hbfp_quantize_rows(
        _pointer(x), *_numbers(rows, length), *_options(format, rounding, power_of_two), _pointer(draws),
        _pointer(mantissas), _pointer(fields), _pointer(health), torch.get_num_threads(),
    )  # fmt: skip
    return BlockTensor(mantissas, fields, format, x.shape, 1, 1, Health(*map(int, health)))


def quantize_columns(
    x: Array, places: Array, columns: int, format: BlockFormat, rounding: str = "nearest", seed: int | None = None,
    power_of_two: str = "exact",
) -> BlockTensor:  # fmt: skip
    """Matrices side by side, in blocks down their columns: ``golden.quantize(matrix, format, 0, ...)``.

    Parameters
    ----------
    x
        float32, contiguous: where the rows are.
    places
        int64, shape (matrices, length): where each row begins in x; -1 for a row of zeros.
    columns
        elements of a row.

    Returns
    -------
    BlockTensor
        of the matrix (length, matrices * columns), along axis 0.
    """
    groups, length = places.shape
    mantissas, fields, health = _outputs(groups * columns, length, format)
    draws = _draws(rounding, seed, mantissas.shape)
    library().hbfp_quantize_columns(
        _pointer(x), _pointer(places), *_numbers(groups, length, columns), *_options(format, rounding, power_of_two),
        _pointer(draws), _pointer(mantissas), _pointer(fields), _pointer(health), torch.get_num_threads(),
    )  # fmt: skip
    return BlockTensor(mantissas, fields, format, (length, groups * columns), 0, 1, Health(*map(int, health)))


def multiply(
    a: BlockTensor, b: BlockTensor, accumulator: str = "fp32", out: Array | None = None, places: Array | None = None
) -> Array:
    """``golden.matmul(a, b)``; with ``out`` and ``places`` row r is added to ``out`` from element ``places[r]`` on.

    Rows whose place is negative are dropped. The addition to ``out`` is plain float32.
    """
    rows, columns, blocks = a.shape[0], b.shape[1], a.fields.shape[1]
    result = np.empty((rows, columns), np.float32) if out is None else out
    library().hbfp_multiply(
        *_operand(a, rows), *_operand(b, columns), *_numbers(blocks), a.format.block_size, KINDS[accumulator],
        _pointer(result), _pointer(places), int(out is not None), torch.get_num_threads(),
    )  # fmt: skip
    return result


def multiply_stack(a: BlockTensor, b: BlockTensor, count: int, accumulator: str = "fp32") -> Array:
    """Products of ``count`` pairs: A's stacked by rows, B's side by side; float32 (count, rows, columns)."""
    rows, columns, blocks = a.shape[0] // count, b.shape[1] // count, a.fields.shape[1]
    result = np.empty((count, rows, columns), np.float32)
    library().hbfp_multiply_stack(
        *_numbers(count), *_operand(a, rows), *_operand(b, columns), *_numbers(blocks), a.format.block_size,
        KINDS[accumulator], _pointer(result), torch.get_num_threads(),
    )  # fmt: skip
    return result


def _operand(x: BlockTensor, rows: int) -> list[Any]:
    numbers = _numbers(rows)
    return [
        _pointer(x.mantissas), _pointer(x.fields), *numbers, x.format.mantissa_width, x.format.exponent_width,
    ]  # fmt: skip
