"""Cycles of one product on a core: the single place the rest of ``sim`` asks."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from functools import lru_cache
from math import ceil

from hw.command import OperandFormat, OutputFormat
from hw.config import CoreConfig
from hw.timing import Timing
from sim.model import CoreModel, Rates
from sim.network.plan import Command, CommandFields, Loop, plan
from sim.network.walks import walks
from sim.workloads.window import Window

__all__ = ["OUTPUT_FORMATS", "Cycles", "check_width", "command_fields", "product_commands", "product_cycles"]

OPERAND_FORMATS = {
    "packed": OperandFormat.PACKED, "bf16": OperandFormat.BFLOAT16, "fp32": OperandFormat.FP32,
}  # fmt: skip
OUTPUT_FORMATS = {"packed": OutputFormat.PACKED, "bf16": OutputFormat.BFLOAT16, "fp32": OutputFormat.FP32}
"""What comes and goes through the ports, by the names of ``sim.network.memory.STORAGES``."""


def command_fields(operands: str, results: str, width: int) -> CommandFields:
    """Fields of the commands of a product whose operands and results have these forms, C as blocks of this width."""
    form = OPERAND_FORMATS[operands]
    return {"format_a": form, "format_b": form, "output": OUTPUT_FORMATS[results], "width_c": width}


@dataclass(frozen=True)
class Cycles:
    """What the core's counters would show after some products.

    Attributes
    ----------
    total
        from the first command to the idle core, some cycles after the last beat of C.
    busy
        cycles in which the array was issued a step.
    stalled_load, stalled_store
        cycles without a step for want of operands, or of room for results. What remains of the total is the
        decoding of commands, the way of the last results, and slots that run empty.
    """

    total: int
    busy: int
    stalled_load: int = 0
    stalled_store: int = 0

    def scaled(self, count: int) -> "Cycles":
        """The counters after ``count`` such products, one after another."""
        return Cycles(self.total * count, self.busy * count, self.stalled_load * count, self.stalled_store * count)

    @classmethod
    def of_all(cls, parts: Iterable["Cycles"]) -> "Cycles":
        """The sums of the counters."""
        return cls(*map(sum, zip(*(astuple(part) for part in parts), strict=True)))


def check_width(config: CoreConfig, mantissa_width: int) -> None:
    """Raise ``ValueError`` if the machine has no commands for this width."""
    if mantissa_width not in config.mantissa_widths:
        known = ", ".join(map(str, config.mantissa_widths))
        raise ValueError(f"mantissa width must be one of the configuration's {known}, not {mantissa_width}")


def product_commands(
    config: CoreConfig,
    m: int,
    k: int,
    n: int,
    width_a: int,
    width_b: int,
    *,
    repeats: int = 1,
    operands: str = "fp32",
    results: str = "fp32",
    window: Window | None = None,
) -> tuple[Command | Loop, ...]:
    """The commands of ``repeats`` independent products, one after another; parameters as of ``product_cycles``."""
    fields = command_fields(operands, results, width_a)
    body: tuple[Command | Loop, ...] = (
        plan(config, m, k, n, width_a, width_b, **fields) if window is None
        else tuple(piece.command for piece in walks(config, window, n, width_a, width_b, **fields))
    )  # fmt: skip
    return (Loop(repeats, body),) if repeats > 1 else body


@lru_cache(maxsize=4096)
def product_cycles(
    config: CoreConfig,
    m: int,
    k: int,
    n: int,
    width_a: int,
    width_b: int,
    *,
    repeats: int = 1,
    operands: str = "fp32",
    results: str = "fp32",
    rates: Rates | None = Rates(),  # noqa: B008
    window: Window | None = None,
) -> Cycles:
    """Counters of a core after ``repeats`` independent products C (m x n) = A (m x k) B (k x n), one after another.

    They are exact: those of ``sim.model`` for the commands of ``sim.network.plan``, from reset until the core is idle again,
    with streams that always have data or room but for their rates. With ``rates`` None the array alone is counted, as
    if the buffers always had what it needs: for each product ceil(m/rows) ceil(n/columns) ceil(k/group_size) blocks
    (joined ones count once) per unit, each of ``steps`` cycles and slices(a) slices(b) passes, and the way of the last one
    through the mesh.

    Parameters
    ----------
    operands, results
        of ``STORAGES``: how A and B come and C leaves. C becomes blocks of ``width_a``.
    rates
        of the ports.
    window
        of a convolution whose map the machine walks, see ``sim.network.walks``, so that its patches do not cross the port.

    Raises
    ------
    ValueError
        if the configuration lacks a width, or cannot make blocks of C.
    """
    check_width(config, width_a)
    check_width(config, width_b)
    if rates is not None:
        model = CoreModel(config, rates)
        model.run(product_commands(
            config, m, k, n, width_a, width_b, repeats=repeats, operands=operands, results=results, window=window
        ))  # fmt: skip
        counters = model.counters
        return Cycles(*(counters[name] for name in ("cycles", "busy", "stalled_load", "stalled_store")))
    blocks = config.groups(k)
    passes = config.slices(width_a) * config.slices(width_b)
    busy = ceil(m / config.rows) * ceil(n / config.columns) * blocks * config.steps * passes
    way = config.mesh_rows + config.mesh_columns - 2 + Timing(config).unit_cycles - 1
    return Cycles(busy + way, busy).scaled(repeats)
