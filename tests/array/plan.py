"""Random output tiles as the array sees them: operands and control cycle by cycle, and golden's results."""

from dataclasses import dataclass
from random import Random

import numpy as np

import golden
from hw.accumulate.float_accumulator import FORMATS
from hw.config import CoreConfig
from tests.layouts import sign_magnitudes

__all__ = ["Plan", "Step", "make_plan", "word_at_the_edge"]


@dataclass
class Step:
    """One step: the operands of each array row and column, and, where it ends a block, the accumulators' new words."""

    cycle: int
    a: list[dict]
    b: list[dict]
    control: dict
    words: np.ndarray | None


@dataclass
class Plan:
    """Steps in order; of each output tile the cycle of its final step and its words, shape (rows, slots, columns)."""

    steps: list[Step]
    tiles: list[tuple[int, np.ndarray]]


def words_of(values: np.ndarray, kind: str) -> np.ndarray:
    bits = values.view(np.uint32)
    return bits >> 16 if kind == "bf16" else bits


def word_at_the_edge(word: int, config: CoreConfig) -> int:
    """What becomes of a unit's word where it leaves the array."""
    return FORMATS[config.accumulator].canonical_word(word)


def slices_of(mantissas: np.ndarray, config: CoreConfig, n: int) -> list[dict]:
    """Slice ``n`` of each mantissa, of the mantissa's sign."""
    mask = (1 << config.slice_width) - 1
    return sign_magnitudes(np.sign(mantissas) * (np.abs(mantissas) >> n * config.slice_width & mask))


def make_plan(rng: Random, config: CoreConfig, tiles: int, distance: int, pause: int = 3) -> Plan:
    """Output tiles of random blocks, some with zeros and NaN, some continuing the one before.

    ``distance`` is that of the last capture of a tile and the first of the next; ``pause`` the longest between blocks.
    """
    random = np.random.default_rng(rng.getrandbits(32))
    plan, cycle, captured = Plan([], []), 0, -distance
    accumulator = golden.accumulator(config.accumulator)
    slots = config.interleave
    states = [None] * slots
    for tile in range(tiles):
        blocks, goes_on = rng.randint(1, 3), tile > 0 and rng.random() < 0.3
        widths = rng.choice(config.mantissa_widths), rng.choice(config.mantissa_widths)
        count = [config.slices(width) for width in widths]
        pairs = sorted(np.ndindex(*count), key=lambda pair: (-sum(pair), pair))
        if not goes_on:
            states = [accumulator.start((config.rows, config.columns)) for _ in range(slots)]
        for block in range(blocks):
            cycle += rng.randint(0, pause)
            if block == blocks - 1:  # slot 0 is captured at its last step
                cycle = max(cycle, captured + distance - config.steps * len(pairs) + 1)
            b, scale_b, nan_b = _blocks(random, config, config.columns, widths[1])
            for slot in range(slots):
                a, scale_a, nan_a = _blocks(random, config, config.rows, widths[0])
                sums, scales = a @ b.T, scale_a[:, None] + scale_b
                states[slot] = accumulator.step(states[slot], sums, scales, nan_a[:, None] | nan_b)
                for n, (i, j) in enumerate(pairs):
                    for step in range(config.steps):
                        part = slice(step * config.dot, (step + 1) * config.dot)
                        ends = n == len(pairs) - 1 and step == config.steps - 1
                        control = {
                            "valid": 1, "clear": n == step == 0, "block": ends, "slot": slot,
                            "shift": step == 0 and n > 0 and i + j < sum(pairs[n - 1]),
                            "first": block == 0 and not goes_on, "last": block == blocks - 1,
                            "final": slot == slots - 1,
                        }  # fmt: skip
                        operands = [
                            [
                                {"mantissas": slices_of(q[part], config, which), "scale": int(s), "nan": int(bad)}
                                for q, s, bad in zip(*blocks_, strict=True)
                            ]
                            for which, blocks_ in ((i, (a, scale_a, nan_a)), (j, (b, scale_b, nan_b)))
                        ]  # fmt: skip
                        words = words_of(accumulator.result(states[slot]), config.accumulator) if ends else None
                        plan.steps.append(Step(cycle, *operands, control, words))
                        cycle += 1
        captured = cycle - 1
        results = np.stack([words_of(accumulator.result(state), config.accumulator) for state in states], axis=1)
        plan.tiles.append((captured, results))
    return plan


def _blocks(random, config: CoreConfig, lines: int, width: int):
    """A block per line: mantissas, scale, NaN flag. Scales lie close enough for sums to meet."""
    bound = 2 ** (width - 1) - 1
    mantissas = random.integers(-bound, bound + 1, (lines, config.block_size))
    mantissas[random.random(lines) < 0.1] = 0
    nan = random.random(lines) < 0.02
    mantissas[nan] = 0
    return mantissas, random.integers(-8, 9, lines), nan
