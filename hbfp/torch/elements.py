# Ref: OCP Microscaling Formats (MX) v1.0, 2023, sections 5.2-5.3 and 6.3; NVIDIA, "Pretraining Large Language Models
# with NVFP4", 2025 (16 elements, E4M3 scales under one FP32 scale a tensor); A. Mishra et al., "Recipes for Pre-training
# LLMs with MXFP8", 2025 (scales of powers of two rounded up, so that nothing saturates).
"""Element formats beside HBFP, by their values."""

from dataclasses import dataclass

import torch

__all__ = ["ELEMENTS", "Element", "quantize_elements"]


@dataclass(frozen=True)
class Element:
    """Numbers of one format and what they are scaled by.

    Attributes
    ----------
    precision
        bits of a significand below its leading one; for integers, magnitude bits.
    least
        exponent of the least normal number; None for integers.
    largest
        magnitude.
    block
        elements along the reduction axis that share a scale: None for none, 0 for whole rows.
    scale
        "power" of two, that of the largest element's exponent; "power up", the least under which it does not saturate;
        "e4m3" under a float32 scale of the tensor; or "float".
    """

    precision: int
    least: int | None
    largest: float
    block: int | None
    scale: str = "power"


ELEMENTS = {
    "mxfp4": Element(1, 0, 6.0, 32),
    "mxfp4-up": Element(1, 0, 6.0, 32, "power up"),
    "mxfp6-e2m3": Element(3, 0, 7.5, 32),
    "mxfp6-e3m2": Element(2, -2, 28.0, 32),
    "mxfp8-e4m3": Element(3, -6, 448.0, 32),
    "nvfp4": Element(1, 0, 6.0, 16, "e4m3"),
    "bf16": Element(7, -126, 3.3895313892515355e38, None),
    "fp8-e4m3": Element(3, -6, 448.0, 0, "float"),
    "int8": Element(7, None, 127.0, 0, "float"),
    "int4": Element(3, None, 7.0, 0, "float"),
}
SMALLEST = torch.finfo(torch.float32).tiny


def quantize_elements(x: torch.Tensor, element: Element, rounding: str = "nearest", seed: int = 1) -> torch.Tensor:
    """Values of the format for float32 x, blocks along the last axis.

    Subnormals of float32 count as zero; a block with a NaN or an infinity becomes NaN.

    Returns
    -------
    torch.Tensor
        float32, shape of x.
    """
    x = torch.where(x.abs() < SMALLEST, torch.zeros_like(x), x)
    if element.block is None:
        return _round(x, element, rounding, seed)
    length = x.shape[-1]
    block = element.block or length
    padded = torch.nn.functional.pad(x, (0, -length % block)).unflatten(-1, (-1, block))
    scales = _scales(padded, element)
    values = _round(padded / scales, element, rounding, seed) * scales
    values = torch.where(torch.isfinite(padded).all(-1, keepdim=True), values, torch.nan)
    return values.flatten(-2)[..., :length]


def _scales(x: torch.Tensor, element: Element) -> torch.Tensor:
    largest = x.abs().amax(-1, keepdim=True).nan_to_num(1, 1)
    if element.scale.startswith("power"):  # 2**(floor(log2 largest) - exponent of the largest element), by exact exponents
        significands, exponents = torch.frexp(largest)
        most = torch.frexp(torch.tensor(element.largest))
        exponents = exponents - most.exponent
        if element.scale == "power up":
            exponents += significands > most.mantissa
        return torch.ldexp(torch.ones_like(largest), exponents.clamp(-126, 127)).where(largest > 0, 1)
    scales = (largest / element.largest).clamp(min=SMALLEST)
    if element.scale == "e4m3":
        whole = (scales.amax() / 448).clamp(min=SMALLEST)
        scales = _round(scales / whole, ELEMENTS["fp8-e4m3"], "nearest", 1).clamp(min=2.0**-9) * whole
    return scales.where(largest > 0, 1)


def _round(x: torch.Tensor, element: Element, rounding: str, seed: int) -> torch.Tensor:
    """To the element's values, saturating."""
    if element.least is None:
        steps = torch.ones_like(x)
    else:
        exponents = (torch.frexp(x).exponent - 1).clamp(min=element.least)
        steps = torch.ldexp(torch.ones_like(x), (exponents - element.precision).clamp(min=-126))
    quotients = x / steps
    if rounding == "nearest":
        rounded = quotients.round()
    elif rounding == "truncate":
        rounded = quotients.trunc()
    else:
        generator = torch.Generator(x.device).manual_seed(seed)
        uniforms = torch.rand(x.shape, generator=generator, device=x.device)
        rounded = torch.copysign((quotients.abs() + uniforms).floor(), quotients)
    return (rounded * steps).clamp(-element.largest, element.largest)
