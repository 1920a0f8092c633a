"""Models into HBFP and back, in place."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from hbfp.torch.formats import Format
from hbfp.torch.layers import LAYERS, ConvertedLayer
from hbfp.torch.run import Run
from hbfp.torch.schedule import Schedule

__all__ = ["convert", "restore"]

UNSUPPORTED = (nn.RNNBase, nn.RNNCellBase, nn.Bilinear)
FAST = {nn.TransformerEncoderLayer: "activation_relu_or_gelu", nn.TransformerEncoder: "use_nested_tensor"}
"""What turns off a module's fused inference path."""


def convert(
    model: nn.Module, schedule: "Schedule | int | str" = "booster", format: Format | None = None, *,
    epochs: int | None = None, seed: int = 1, skip: str | Sequence[str] = (), nonfinite: str = "raise",
) -> Run:  # fmt: skip
    """Replace the layers of a model that multiply by theirs in HBFP, in place; ``restore`` takes it back.

    Parameters and their names stay: optimizers made before and state dicts of either form remain valid.

    Parameters
    ----------
    model
        any module; float32.
    schedule
        mantissa widths: a ``Schedule``, a width, or a name ("booster", "all-4").
    format
        ``HBFP(...)`` or another ``Format`` (default: HBFP in blocks of 64 with stochastic rounding).
    epochs, seed, nonfinite
        see ``Run``.
    skip
        pattern or patterns (``fnmatch``) of layers that stay as they are.

    Returns
    -------
    Run
        what the layers share: attach it to the optimizer, set its epoch, read its health.

    Raises
    ------
    TypeError, ValueError
        for a schedule that counts epochs from the last one without ``epochs``, a layer or dtype it cannot replace, a model
        without layers to replace, one in HBFP already, a pattern of the schedule or of ``skip`` that names no layer.
    """
    run = Run(schedule, format, epochs=epochs, seed=seed, nonfinite=nonfinite)
    modules = [(name, module) for name, module in model.named_modules() if not isinstance(module, nn.Sequential)]
    skip = [skip] if isinstance(skip, str) else skip
    for pattern in skip:
        if not any(fnmatchcase(name, pattern) for name, _ in modules):
            raise ValueError(f"skip must name layers of the model, not {pattern}")
    chosen = [(n, m) for n, m in modules if not any(fnmatchcase(n, pattern) for pattern in skip)]
    replaced = [(name or "model", module) for name, module in chosen if type(module) in LAYERS]
    _check(chosen, replaced)
    for name, module in replaced:
        module.__dict__["_float_class"] = type(module)
        module.__class__ = LAYERS[type(module)]
        module.enter(run, name)
    unmatched = run.schedule.unmatched([slot.name for slot in run.slots])
    if unmatched:
        restore(model)
        raise ValueError(f"schedule must name layers of the model, not {unmatched[0]}")
    for module in model.modules():  # their fused inference path would go round the layers
        for kind, name in FAST.items():
            if isinstance(module, kind):
                module.__dict__["_float_fast"] = getattr(module, name)
                setattr(module, name, 0)
    return run


def restore(model: nn.Module) -> nn.Module:
    """Make the layers of a converted model what they were; returns the model."""
    for module in model.modules():
        if "_float_class" in module.__dict__:
            module.__class__ = module.__dict__.pop("_float_class")
            del module.__dict__["slots"]
        for kind, name in FAST.items():
            if isinstance(module, kind) and "_float_fast" in module.__dict__:
                setattr(module, name, module.__dict__.pop("_float_fast"))
    return model


def _check(chosen: list[tuple[str, Any]], replaced: list[tuple[str, Any]]) -> None:
    """Raise for what cannot be converted."""
    for name, module in chosen:
        if isinstance(module, ConvertedLayer):
            raise ValueError(f"model must not be in HBFP already, as layer {name or 'model'} is; restore it first")
        known = type(module) in LAYERS
        if not known and isinstance(module, (*UNSUPPORTED, *LAYERS)):
            raise TypeError(f"layer {name or 'model'} must be of a class HBFP has, not {type(module).__name__}; skip it?")
        if isinstance(module, nn.LSTM) and module.proj_size:
            raise TypeError(f"layer {name or 'model'} must have proj_size 0, not {module.proj_size}; skip it?")
        if isinstance(module, nn.MultiheadAttention) and (module.bias_k is not None or module.add_zero_attn):
            raise TypeError(f"layer {name or 'model'} must have neither bias_kv nor add_zero_attn; skip it?")
    for name, module in replaced:
        for parameter in module.parameters(recurse=False):
            if parameter.dtype != torch.float32:
                kind = str(parameter.dtype).removeprefix("torch.")
                raise TypeError(f"layer {name} must have float32 parameters, not {kind}")
            if parameter.is_meta:
                raise TypeError(f"layer {name} must have parameters with values, not on the device meta")
    if not replaced:
        raise ValueError("model must have a layer with products to convert, and has none")
