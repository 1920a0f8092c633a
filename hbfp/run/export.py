"""PyTorch modules as ONNX files."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from torch import nn

__all__ = ["export", "exported"]


def export(module: "nn.Module", inputs: Mapping[str, ArrayLike], path: Path) -> None:
    """Write a ``torch.nn.Module`` as an ONNX file by way of ``torch.export``.

    Parameters
    ----------
    module
        in evaluation mode.
    inputs
        an example of its positional inputs, in order, by the names the file shall give them.
    path
        of the file.

    Raises
    ------
    ImportError
        if ``torch`` or ``onnxscript`` is not installed.
    """
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # that torchvision is not there does not matter
    arguments = tuple(torch.from_numpy(np.asarray(value)) for value in inputs.values())
    module.eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)  # PyTorch's own use
        torch.onnx.export(module, arguments, str(path), input_names=list(inputs), dynamo=True, external_data=False, verbose=False)


@contextmanager
def exported(module: "nn.Module", inputs: Mapping[str, ArrayLike]) -> Iterator[Path]:
    """A context with the path of such a file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "module.onnx"
        export(module, inputs, path)
        yield path
