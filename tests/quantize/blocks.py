"""Blocks on streams, as golden has them."""

from golden.format import BlockTensor, Health
from hw.config import CoreConfig

__all__ = ["blocks_of", "decode", "encode", "total_health"]


def blocks_of(tensor: BlockTensor) -> list[tuple]:
    """The blocks in the order they travel, as (mantissas, scale, nan)."""
    mantissas = tensor.mantissas.reshape(-1, tensor.format.block_size).tolist()
    scales, nan = tensor.scales.reshape(-1).tolist(), tensor.nan_blocks.reshape(-1).tolist()
    return list(zip(mantissas, scales, nan, strict=True))


def encode(config: CoreConfig, blocks: list[tuple]) -> list[int]:
    """Beats of ``block_beat`` from (mantissas, scale, nan). Odd zeros are minus zeros, which mean the same."""
    beats = []
    width, lanes = config.storage_width, config.lanes
    for mantissas, scale, nan in blocks:
        for start in range(0, config.block_size, lanes):
            payload = 0
            for lane, mantissa in enumerate(mantissas[start : start + lanes]):
                sign = mantissa < 0 or (mantissa == 0 and lane % 2)
                payload |= (sign << width - 1 | abs(mantissa)) << width * lane
            payload |= (scale & (1 << config.scale_width) - 1) << width * lanes
            last = start + lanes == config.block_size
            beats.append(payload | (nan | last << 1) << width * lanes + config.scale_width)
    return beats


def decode(config: CoreConfig, payloads: list[int]) -> list[tuple]:
    """Blocks as (mantissas, scale, nan) from the beats of ``o``."""
    blocks, mantissas = [], []
    width, lanes = config.storage_width, config.lanes
    for payload in payloads:
        for lane in range(lanes):
            word = payload >> width * lane & (1 << width) - 1
            magnitude = word & (1 << width - 1) - 1
            mantissas.append(-magnitude if word >> width - 1 else magnitude)
        scale = payload >> width * lanes & (1 << config.scale_width) - 1
        scale -= scale >> config.scale_width - 1 << config.scale_width
        nan, last = (payload >> width * lanes + config.scale_width + bit & 1 for bit in (0, 1))
        assert last == (len(mantissas) == config.block_size)
        if last:
            blocks.append((mantissas, scale, bool(nan)))
            mantissas = []
    return blocks


def total_health(config: CoreConfig, words: list[int]) -> Health:
    """Sum of the counts beside the beats of ``o``."""
    width = config.lanes.bit_length()
    saturated, flushed = (sum(word >> shift & (1 << width) - 1 for word in words) for shift in (0, width))
    return Health(saturated, flushed, sum(word >> 2 * width for word in words))
