"""Training in PyTorch with exactly the hardware's bits.

``convert`` puts a model's products into HBFP, ``restore`` takes them back. Forward, input gradient and weight gradient
each quantize their operands along their own reduction axis, as ``golden.matmul`` defines; inside ``with device(...)``
they go to a machine, with the same bits.
"""

from hbfp.torch.convert import convert, restore
from hbfp.torch.export import export_onnx, pack_weights, unpack_weights
from hbfp.torch.formats import FORMATS, HBFP, Format, Values, format_named
from hbfp.torch.layers import (
    LSTM,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Linear,
    MultiheadAttention,
    scaled_dot_product_attention,
)
from hbfp.torch.run import Diverged, Run, device
from hbfp.torch.schedule import Schedule, schedule
from hbfp.torch.wide import keep_wide

__all__ = [
    "FORMATS",
    "HBFP",
    "LSTM",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Diverged",
    "Format",
    "Linear",
    "MultiheadAttention",
    "Run",
    "Schedule",
    "Values",
    "convert",
    "device",
    "export_onnx",
    "format_named",
    "keep_wide",
    "pack_weights",
    "restore",
    "scaled_dot_product_attention",
    "schedule",
    "unpack_weights",
]
