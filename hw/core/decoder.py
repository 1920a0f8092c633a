"""Commands in, checked commands with their block counts out."""

from functools import reduce
from operator import or_
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from hw.command import FIELDS, PATCH_FIELDS, SIZE_WIDTH, CommandError, OperandFormat, OutputFormat, Rounding
from hw.config import CoreConfig
from hw.names import named
from hw.timing import JUDGE_CYCLES, Timing

__all__ = ["CommandDecoder", "command_layout", "job_layout"]


def command_layout(config: CoreConfig | None = None) -> data.StructLayout:
    """A command as it enters the core."""
    return data.StructLayout(FIELDS | (PATCH_FIELDS if config is not None and config.walks else {}))


def job_layout(config: CoreConfig) -> data.StructLayout:
    """A checked command with its sizes in array rows, blocks and array columns.

    Where A may be a map, also ``channel_blocks`` of a position; ``pitch``, places between the blocks of a position; and,
    modulo ``2**position_width``, positions from a tap to the one below (``tap_jump``), from a patch to the one below
    (``row_jump``), from a sample to the next (``sample_jump``), and from the first patch's corner to the map's (``corner``).
    """
    shapes = dict(command_layout(config).members) | dict.fromkeys(("row_groups", "blocks", "column_groups"), SIZE_WIDTH)
    if config.walks:
        shapes |= dict.fromkeys(("channel_blocks", "pitch"), SIZE_WIDTH)
        shapes |= dict.fromkeys(("tap_jump", "row_jump", "sample_jump", "corner"), config.position_width)
    return data.StructLayout(shapes)


class CommandDecoder(Component):
    """Divides a command's sizes by the machine's and refuses what the machine cannot do.

    Quotients and products are made bit by bit and the rules judged in steps, so that nothing here limits the clock.
    A job is offered ``decode_cycles`` after its command was accepted; the next is accepted after the job has left.
    ``error`` holds the code of the latest command: 0 once one is accepted.

    Attributes
    ----------
    i
        commands;
    o
        jobs;
    error
        ``CommandError``;
    refused
        high for one cycle per refused command;
    idle
        it has none.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(command_layout(config))),
                "o": Out(stream.Signature(job_layout(config))),
                "error": Out(4),
                "refused": Out(1),
                "idle": Out(1),
            }
        )

    @property
    def decode_cycles(self) -> int:
        """Cycles from a command's acceptance to the offer of its job."""
        return Timing(self.config).decode_cycles

    @property
    def module_name(self) -> str:
        return named("command_decoder", self.config.name)

    def elaborate(self, platform: object) -> Module:
        c = self.config
        m = Module()
        job = Signal(job_layout(c))
        remaining = Signal(range(SIZE_WIDTH + 1))
        zero_size = Signal()

        # Restoring division of size - 1 by a constant, a bit per cycle; the quotient plus one is the rounded-up quotient.
        divisions = []
        sizes = [("rows", c.rows), ("inner", c.block_size), ("columns", c.columns)]
        if c.walks:
            sizes.append(("channels", c.block_size))
        for size, divisor in sizes:
            dividend = Signal(SIZE_WIDTH, name=f"{size}_dividend")
            rest = Signal(range(2 * divisor), name=f"{size}_rest")
            quotient = Signal(SIZE_WIDTH, name=f"{size}_quotient")
            divisions.append((size, divisor, dividend, rest, quotient))

        # Groups of lines times (groups of) blocks of each operand, a bit of the former per cycle; both are at most what the
        # buffer holds or too large.
        # A product beyond the depth does not come back, so it may overflow later.
        factor_width = c.operand_depth.bit_length()
        blocks = c.whole_groups(job.blocks)
        factors = {name: Signal(factor_width, name=f"factor_{name}") for name in "ab"}
        products = {name: Signal(factor_width + 2, name=f"product_{name}") for name in "ab"}
        beyond = {name: Signal(name=f"beyond_{name}") for name in "ab"}
        lines = {"a": (job.row_groups, job.blocks, blocks), "b": (job.column_groups, job.blocks, blocks)}
        if c.walks:
            self._walk(m, job, lines, blocks)
        too_large = {
            name: beyond[name] | (products[name] > c.operand_groups)
            | groups[factor_width:].any() | of_line[factor_width:].any()
            for name, (groups, of_line, _) in lines.items()
        }  # fmt: skip
        if c.walks:
            too_large["a"] |= job.patches & ((job.row_groups > c.operand_depth) | (job.positions > c.operand_depth))
        verdict = self._judge(m, job, zero_size, too_large)

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [self.i.ready.eq(1), self.idle.eq(1)]
                with m.If(self.i.valid):
                    for field in command_layout(c).members:
                        m.d.sync += job[field].eq(self.i.payload[field])
                    for size, _, dividend, rest, quotient in divisions:
                        m.d.sync += [dividend.eq(self.i.payload[size] - 1), rest.eq(0), quotient.eq(0)]
                    m.d.sync += remaining.eq(SIZE_WIDTH)
                    m.next = "DIVIDE"
            with m.State("DIVIDE"):
                with m.If(remaining != 0):
                    m.d.sync += remaining.eq(remaining - 1)
                    for size, divisor, dividend, rest, quotient in divisions:
                        shifted = Signal(range(2 * divisor), name=f"{size}_shifted")
                        fits = Signal(name=f"{size}_fits")
                        m.d.comb += [shifted.eq((rest << 1) | dividend[-1]), fits.eq(shifted >= divisor)]
                        m.d.sync += [
                            dividend.eq(dividend << 1),
                            rest.eq(Mux(fits, shifted - divisor, shifted)),
                            quotient.eq((quotient << 1) | fits),
                        ]
                with m.Else():
                    m.d.sync += zero_size.eq(self._zero_size(job))
                    counts = ("row_groups", "blocks", "column_groups", "channel_blocks")
                    for field, (*_, quotient) in zip(counts, divisions, strict=False):
                        m.d.sync += job[field].eq(quotient + 1)
                    for name, (*_, quotient) in (("a", divisions[0]), ("b", divisions[2])):
                        factor = quotient + 1
                        if c.walks and name == "a":
                            factor = Mux(job.patches, self._pitch(job), factor)
                        m.d.sync += [factors[name].eq(factor), products[name].eq(0), beyond[name].eq(0)]
                    m.d.sync += remaining.eq(factor_width - 1)
                    m.next = "MULTIPLY"
            with m.State("MULTIPLY"):
                m.d.sync += remaining.eq(remaining - 1)
                for name, product in products.items():
                    m.d.sync += [
                        factors[name].eq(factors[name] << 1),
                        product.eq((product << 1) + Mux(factors[name][-1], lines[name][2][:factor_width], 0)),
                        beyond[name].eq(beyond[name] | (product > c.operand_groups)),
                    ]
                with m.If(remaining == 0):
                    m.d.sync += remaining.eq(JUDGE_CYCLES - 1)
                    m.next = "JUDGE"
            with m.State("JUDGE"):
                m.d.sync += remaining.eq(remaining - 1)
                with m.If(remaining == 0):
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.d.sync += self.error.eq(verdict)
                with m.If(verdict == CommandError.NONE):
                    m.next = "SEND"
                with m.Else():
                    m.d.comb += self.refused.eq(1)
                    m.next = "IDLE"
            with m.State("SEND"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(job)]
                with m.If(self.o.ready):
                    self._remember(m, job)
                    m.next = "IDLE"
        return m

    def _zero_size(self, job: Any) -> Value:
        """Whether a size is 0."""
        zero = (job.rows == 0) | (job.inner == 0) | (job.columns == 0)
        return zero | (job.patches & ((job.positions == 0) | (job.channels == 0))) if self.config.walks else zero

    def _pitch(self, job: Any) -> Value:
        """Places of the buffer between a position's blocks: positions, in whole groups of those that are written at once."""
        together = self.config.load_lines
        return (job.positions + (together - 1)) & ((1 << SIZE_WIDTH) - together) if together > 1 else job.positions

    def _walk(self, m: Module, job: Any, lines: dict[str, Any], blocks: Value) -> None:
        """What the walk over a map needs, and how many places of the buffer the map takes."""
        m.d.sync += [
            job.pitch.eq(self._pitch(job)),
            job.tap_jump.eq(job.dilation_rows * job.map_columns),
            job.row_jump.eq(job.stride_rows * job.map_columns),
            job.sample_jump.eq(job.map_rows[: self.config.position_width] * job.map_columns[: self.config.position_width]),
            job.corner.eq(job.pad_rows * job.map_columns + job.pad_columns),
        ]
        groups, of_line = Signal(SIZE_WIDTH, name="groups_a"), Signal(SIZE_WIDTH, name="line_blocks_a")
        m.d.comb += [
            groups.eq(Mux(job.patches, job.pitch, job.row_groups)),
            of_line.eq(Mux(job.patches, job.channel_blocks, job.blocks)),
        ]
        lines["a"] = groups, of_line, Mux(job.patches, job.channel_blocks, blocks)

    def _judge(self, m: Module, job: Any, zero_size: Any, too_large: Any) -> Any:
        """First error of ``job`` against the machine and what it holds, ``JUDGE_CYCLES`` later: comparisons, rules, choice."""
        c = self.config
        kind = {"patches": 1} if c.walks else {}
        operand = data.StructLayout({"groups": SIZE_WIDTH, "inner": SIZE_WIDTH, "width": 4, "present": 1} | kind)
        self.loaded = {name: Signal(operand, name=f"loaded_{name}") for name in "ab"}
        self.held = Signal(data.StructLayout({"rows": SIZE_WIDTH, "columns": SIZE_WIDTH, "present": 1}))
        self.waiting = Signal(data.StructLayout({"rows": SIZE_WIDTH, "columns": SIZE_WIDTH, "width": 4, "present": 1}))

        def compared(condition: Any) -> Any:
            """A comparison, a cycle later."""
            result = Signal(name=f"compared_{len(comparisons)}")
            comparisons.append(result)
            m.d.sync += result.eq(condition)
            return result

        comparisons: list[Signal] = []
        fits_array = compared((job.row_groups <= c.interleave) & (job.column_groups == 1))
        held = compared(self.held.present & (self.held.rows == job.rows) & (self.held.columns == job.columns))
        from_results = job.load_a & (job.format_a == OperandFormat.RESULTS)
        to_blocks = job.store & ((job.output == OutputFormat.PACKED) | (job.output == OutputFormat.RESULTS))

        def unusable(name: str, groups: Any) -> Any:
            loaded = self.loaded[name]
            return ~job[f"load_{name}"] & (
                ~loaded.present | compared(loaded.inner != job.inner) | compared(loaded.groups < groups)
                | compared(loaded.width != job[f"width_{name}"])
            )  # fmt: skip

        def unusable_a() -> Any:
            broken = unusable("a", job.row_groups)
            return broken | (~job.load_a & compared(self.loaded["a"].patches != job.patches)) if c.walks else broken

        def known(value: Value, codes: Any) -> Any:
            return _any(value == code for code in codes)

        requantize, bfloat16 = "requantize" in c.features, "bfloat16" in c.features
        results = requantize and c.result_streams == 1
        operand_formats = [OperandFormat.FP32] + [OperandFormat.PACKED] * ("packed" in c.features)
        operand_formats += [OperandFormat.BFLOAT16] * bfloat16
        outputs = [OutputFormat.FP32] + [OutputFormat.PACKED] * requantize + [OutputFormat.RESULTS] * results
        outputs += [OutputFormat.BFLOAT16] * bfloat16
        widths = known(job.width_a, c.mantissa_widths) & known(job.width_b, c.mantissa_widths)
        formats = (
            known(job.format_a, operand_formats + [OperandFormat.RESULTS] * results)
            & known(job.format_b, operand_formats)
            & known(job.output, outputs)
        )
        if "bias" not in c.features:
            formats &= ~job.bias & ~job.relu
        if c.walks:
            formats &= ~(job.patches & from_results)
        no_results = compared(
            ~self.waiting.present | (self.waiting.rows != job.rows) | (self.waiting.columns != job.inner)
            | (self.waiting.width != job.width_a)
        )  # fmt: skip
        random = job.rounding == Rounding.STOCHASTIC
        in_rows = to_blocks & (random | (job.output == OutputFormat.RESULTS))
        no_seed = compared((job.seed_a == 0) | (job.seed_b == 0)) | (to_blocks & compared(job.seed_c == 0))
        rules = [
            (zero_size, CommandError.ZERO_SIZE),
            (too_large["a"], CommandError.A_TOO_LARGE),
            (too_large["b"], CommandError.B_TOO_LARGE),
            (~widths | (to_blocks & ~known(job.width_c, c.mantissa_widths)), CommandError.WIDTH),
            (~known(job.rounding, [Rounding[mode.upper()] for mode in c.rounding_modes]), CommandError.ROUNDING),
            (~formats, CommandError.FORMAT),
            (random & no_seed, CommandError.SEED),
            (in_rows & compared(job.columns > c.panel_columns), CommandError.OUTPUT_TOO_WIDE),
            (self.waiting.present & ~from_results, CommandError.RESULTS_WAIT),
            (unusable_a() | (from_results & no_results), CommandError.A_NOT_LOADED),
            (unusable("b", job.column_groups), CommandError.B_NOT_LOADED),
            (~job.store & ~fits_array, CommandError.NOT_HELD),
            (job.accumulate & ~(fits_array & held), CommandError.NOT_HELD),
        ]
        broken, verdict = Signal(len(rules)), Signal(4)
        m.d.sync += [broken.eq(Cat(rule for rule, _ in rules)), verdict.eq(CommandError.NONE)]
        for bit, (_, code) in reversed(list(zip(broken, rules, strict=True))):
            with m.If(bit):
                m.d.sync += verdict.eq(code)
        return verdict

    def _remember(self, m: Module, job: Any) -> None:
        c = self.config
        for name, groups in (("a", job.row_groups), ("b", job.column_groups)):
            with m.If(job[f"load_{name}"]):
                loaded = self.loaded[name]
                m.d.sync += [
                    loaded.groups.eq(groups), loaded.inner.eq(job.inner), loaded.width.eq(job[f"width_{name}"]),
                    loaded.present.eq(1),
                ]  # fmt: skip
                if name == "a" and c.walks:
                    m.d.sync += loaded.patches.eq(job.patches)
        m.d.sync += [
            self.held.rows.eq(job.rows),
            self.held.columns.eq(job.columns),
            self.held.present.eq((job.row_groups <= c.interleave) & (job.column_groups == 1)),
            self.waiting.rows.eq(job.rows),
            self.waiting.columns.eq(job.columns),
            self.waiting.width.eq(job.width_c),
            self.waiting.present.eq(job.store & (job.output == OutputFormat.RESULTS)),
        ]


def _any(conditions: Any) -> Any:
    """Whether one of several conditions holds."""
    return reduce(or_, conditions)
