"""What soak tries: a machine, the link to it, and products with their faults. Everything is said by numbers and names."""

from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from hw.choices import blocks_per_addition
from hw.config import ACCUMULATORS, FEATURES, ROUNDING_MODES, CoreConfig

__all__ = ["FAULTS", "LARGEST", "LINKS", "Case", "Work", "random_case", "random_config"]

LINKS = ("core", "axi", "serial")
FAULTS = {
    "core": (),
    "axi": ("lose", "double", "cut", "cut_a_word", "lengthen", "lengthen_much", "join"),
    "serial": ("flip", "drop", "repeat", "insert", "burst", "interrupt"),
}
"""What may happen to a product on its way. A core alone has none; its ports stall."""
WIDTHS = ((2,), (3,), (4,), (4,), (5,), (6,), (8,), (4, 6), (4, 6), (3, 5, 7), (4, 7), (5, 8), (4, 6, 10))
LARGEST = {"core": 128, "axi": 128, "serial": 32}
"""Multipliers of a machine at most, so that compiling it takes seconds."""


@dataclass(frozen=True)
class Work:
    """A product or, in a schedule of a core, a command.

    Attributes
    ----------
    rows, inner, columns
        its sizes.
    numbers, seed
        kind of the operands, see ``tests.soak.numbers``, and the seed they, their rounding and the fault come from.
    operands
        what they are sent as: "fp32", "bfloat16" or "packed".
    output
        "fp32", "bfloat16", "blocks" or, in a schedule, "results", which the next command takes as its A.
    reuse_a, reuse_b, accumulate, keep
        in a schedule: take the operand of the command before, start from its C, send no C.
    fault
        of ``FAULTS``, or none.
    """

    rows: int = 1
    inner: int = 1
    columns: int = 1
    numbers: str = "small"
    seed: int = 0
    width_a: int | None = None
    width_b: int | None = None
    width_c: int | None = None
    rounding: str = "nearest"
    operands: str = "fp32"
    output: str = "fp32"
    bias: bool = False
    relu: bool = False
    reuse_a: bool = False
    reuse_b: bool = False
    accumulate: bool = False
    keep: bool = False
    fault: str | None = None


@dataclass(frozen=True)
class Case:
    """A machine, its link, what it is asked for in order, and a seed of its stalls (0: none)."""

    config: CoreConfig
    link: str
    works: tuple[Work, ...]
    stalls: int = 0

    def to_dict(self) -> dict:
        """JSON-ready values; what is as usual is left out."""
        usual = {field.name: field.default for field in fields(Work)}
        works = [{k: v for k, v in asdict(work).items() if v != usual[k]} for work in self.works]
        return {"config": self.config.to_dict(), "link": self.link, "works": works, "stalls": self.stalls}

    @classmethod
    def from_dict(cls, values: dict) -> "Case":
        """Inverse of ``to_dict``."""
        works = tuple(Work(**work) for work in values["works"])
        return cls(CoreConfig.from_dict(values["config"]), values["link"], works, values["stalls"])


def _pick(rng: np.random.Generator, options):
    return options[int(rng.integers(len(options)))]


def _some(rng: np.random.Generator, names) -> tuple[str, ...]:
    return tuple(name for name in names if rng.random() < 0.5)


def random_config(rng: np.random.Generator, largest: int = 128) -> CoreConfig:
    """A machine of at most so many multipliers; every parameter varies."""
    while True:
        block = int(_pick(rng, (1, 2, 4, 6, 8, 12, 16, 16, 20, 32, 64)))
        divisors = [d for d in range(1, block + 1) if block % d == 0]
        tile_columns, mesh_columns = int(rng.integers(1, 5)), int(rng.integers(1, 3))
        accumulator, cycles = _pick(rng, ACCUMULATORS), int(rng.integers(1, 13))
        group = blocks_per_addition(accumulator)
        values = {
            "mantissa_widths": _pick(rng, WIDTHS), "block_size": block,
            "dot": block * group if group > 1 else _pick(rng, divisors),
            "exponent_width": int(_pick(rng, (8, 8, 8, 4, 5, 9, 10))),
            "rounding_modes": _some(rng, ROUNDING_MODES) or ("nearest",), "tile_rows": int(rng.integers(1, 4)),
            "tile_columns": tile_columns, "mesh_rows": int(rng.integers(1, 3)), "mesh_columns": mesh_columns,
            "interleave": int(rng.integers(1, 9)), "accumulator": accumulator, "accumulator_cycles": cycles,
            "tree_cycles": int(rng.integers(0, 3)), "datapath": "behavioral", "lanes": _pick(rng, [*divisors, None]),
            "operand_depth": group * int(rng.integers(2, 65 // group)), "queue_depth": int(rng.integers(1, 5)),
            "panel_columns": tile_columns * mesh_columns * int(rng.integers(1, 9)), "features": _some(rng, FEATURES),
        }  # fmt: skip
        try:
            config = CoreConfig(**values)
        except ValueError:
            continue
        if config.macs_per_cycle <= largest:
            return config


def _size(rng: np.random.Generator, unit: int, most: int) -> int:
    """A size up to ``most``: small, whole, or ragged."""
    most = max(1, most)
    kind = rng.random()
    if kind < 0.2:
        return int(rng.integers(1, min(most, 3) + 1))
    size = unit * int(rng.integers(1, max(1, most // unit) + 1))
    return min(most, size) if kind < 0.5 else int(rng.integers(1, min(most, size) + 1))


def _product(config: CoreConfig, rng: np.random.Generator, limit: int) -> Work:
    """A product of about ``limit`` operand elements at most, with whatever the machine has."""
    features = config.features
    rows, columns = (_size(rng, unit, 5 * unit) for unit in (config.output_rows, config.panel_columns))
    rows, columns = min(rows, limit), min(columns, limit)
    inner = _size(rng, config.block_size, min(max(1, limit // (rows + columns)), config.block_size * 80))
    outputs = ["fp32", "fp32", *({"bfloat16", "requantize"} & set(features))]
    forms = ["fp32", *({"bfloat16", "packed"} & set(features))]
    width_a, width_b, width_c = (int(_pick(rng, config.mantissa_widths)) for _ in range(3))
    return Work(
        rows, inner, columns, _pick(rng, ("small", "normal", "wide", "special", "ties")), int(rng.integers(1, 1 << 31)),
        width_a, width_b, width_c, _pick(rng, config.rounding_modes), _pick(rng, sorted(forms)),
        _pick(rng, sorted(outputs)).replace("requantize", "blocks"),
        "bias" in features and rng.random() < 0.5, "bias" in features and rng.random() < 0.3,
    )  # fmt: skip


def _command(config: CoreConfig, rng: np.random.Generator, limit: int) -> Work:
    """A product that may follow another one's operands or C; whether it can is found when it is planned."""
    work = _product(config, rng, limit)
    reuse_a, reuse_b, accumulate, keep, results = (rng.random() < p for p in (0.3, 0.3, 0.4, 0.3, 0.4))
    small = {"rows": min(work.rows, config.output_rows), "columns": min(work.columns, config.columns)}
    output = "results" if results and work.output == "blocks" else work.output
    fits = small if accumulate or keep else {}
    return replace(work, reuse_a=reuse_a, reuse_b=reuse_b, accumulate=accumulate, keep=keep, output=output, **fits)


def random_case(config: CoreConfig, link: str, rng: np.random.Generator, faults: float = 0.5) -> Case:
    """A schedule of a core, or products of a device, of which a part ``faults`` is disturbed."""
    stalls = int(rng.integers(1, 1 << 31)) if link != "serial" and rng.random() < 0.7 else 0
    if link == "core":
        works = tuple(_command(config, rng, 4000) for _ in range(int(rng.integers(1, 9))))
        return Case(config, link, works, stalls)
    limit = 6000 if link == "axi" else 200
    works = [_product(config, rng, limit) for _ in range(2)]
    if rng.random() < faults:
        works[0] = replace(works[0], fault=_pick(rng, FAULTS[link]))
    return Case(config, link, tuple(works), stalls)
