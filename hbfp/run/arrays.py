"""Arrays that a user brings: inputs and labels."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arrays", "Labels", "read_inputs", "read_labels"]

Arrays = dict[str, NDArray[Any]]
Labels = NDArray[np.integer]
LARGEST_INPUT = 1 << 32
"""Bytes of the arrays in a file of inputs."""


def read_inputs(path: Path) -> Arrays:
    """Arrays by their names, from an .npz file. Arrays of objects are refused: they would be programs.

    Raises
    ------
    ValueError
        naming the file and what is wrong with it; also where its arrays have more than 4 GiB.
    """
    try:
        with path.open("rb") as source:  # which NumPy leaves open after some errors
            file = np.load(source)
            if isinstance(file, np.ndarray):
                raise ValueError("it is one array without a name")
            if sum(member.file_size for member in file.zip.infolist()) > LARGEST_INPUT:
                raise ValueError(f"its arrays have more than {LARGEST_INPUT} bytes")
            arrays = {name: file[name] for name in file.files}
    except Exception as error:
        raise ValueError(f"input must be an .npz file of arrays, not {path}: {_reason(error)}") from None
    if strange := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise ValueError(f"input must be an .npz file of arrays, not {path}: {strange[0]} is no array")
    return arrays


def read_labels(path: Path) -> Labels:
    """Integers of shape (samples,), from an .npy file.

    Raises
    ------
    ValueError
        naming the file and what is wrong with it.
    """
    try:
        with path.open("rb") as source:
            labels = np.load(source)
    except Exception as error:
        raise ValueError(f"labels must be an .npy file, not {path}: {_reason(error)}") from None
    if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be one integer per sample, not {getattr(labels, 'dtype', 'several arrays')}")
    return labels


def _reason(error: Exception) -> str:
    """What is wrong with a file; NumPy's reader raises whatever its parts raise, down to Python's own tokenizer."""
    return str(error) if isinstance(error, OSError | ValueError) else f"{type(error).__name__}: {error}"
