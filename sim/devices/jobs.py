"""What a device is asked for, cut into the commands of its core, and put together from their results."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

import golden
from golden.stochastic import leap
from hw.command import FIELDS, OperandFormat, OutputFormat, Rounding
from hw.config import CoreConfig
from sim.devices.job import Job, Prepared
from sim.network.plan import Command, CommandFields, Loop, Piece, panels, pieces, plan
from sim.network.walks import walks
from sim.rtl.beats import result_blocks
from sim.workloads.window import Window

__all__ = ["FORMATS", "Assembly", "Matrix", "Task", "block_format", "commands", "jobs", "part_of", "widest_rows"]

Matrix = NDArray[np.float32] | golden.BlockTensor
"""C: float32, shape (rows, columns), or that matrix in blocks along axis 1."""

FORMATS = {"fp32": OutputFormat.FP32, "bfloat16": OutputFormat.BFLOAT16, "blocks": OutputFormat.PACKED}
"""In which C leaves the core, by the names of ``Device.matmul``."""


def block_format(config: CoreConfig, width: int) -> golden.BlockFormat:
    """The machine's blocks of this mantissa width."""
    return golden.BlockFormat(width, config.block_size, config.exponent_width)


@dataclass(frozen=True, eq=False)
class Task:
    """The arguments of ``Device.matmul``, checked and complete; ``seeds`` only where rounding is stochastic.

    Of a convolution that walks, ``a`` is the map, shape (positions, channels), and ``b`` has whole blocks of channels.
    """

    a: NDArray[np.float32]
    b: NDArray[np.float32]
    width_a: int
    width_b: int
    width_c: int
    rounding: str = "nearest"
    seeds: dict[str, int] = field(default_factory=dict)
    bias: NDArray[np.float32] | None = None
    relu: bool = False
    output: str = "fp32"
    packed: bool = False
    """Whether operands come as packed blocks, which golden has made."""
    prepared: Prepared | None = None
    window: Window | None = None
    """Of a convolution that walks."""

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Rows, inner size, columns."""
        rows, (inner, columns) = len(self.a) if self.window is None else self.window.rows, self.b.shape
        return rows, inner, columns

    @property
    def in_rows(self) -> bool:
        """Whether C's rows have to leave whole, because the random numbers of their elements follow one another."""
        return "seed_c" in self.seeds

    def loads(self, config: CoreConfig) -> tuple[int, int]:
        """How often each element of A and of B is loaded; of a map see ``losses``."""
        if self.prepared is not None:
            m, k, n = self.sizes
            loaded = [sum(j.fields[f"load_{x}"] * j.fields[lines] * j.fields["inner"] for j in self.prepared.jobs)
                      for x, lines in (("a", "rows"), ("b", "columns"))]  # fmt: skip
            return loaded[0] // (m * k), loaded[1] // (k * n)
        return (1, 1) if self.in_rows or self.window else panels(config, *self.sizes, FORMATS[self.output]).loads

    def losses(self, config: CoreConfig, blocks: Mapping[str, golden.BlockTensor]) -> Iterator[tuple[golden.Health, int]]:
        """What was lost where A and B became blocks, and how often that is loaded: of a map command by command."""
        of_a, of_b = self.loads(config)
        if self.window is None:
            yield blocks["a"].health, of_a
        else:
            for job in jobs(config, self):
                if job.fields["load_a"] and job.positions is not None:
                    seed = job.fields["seed_a"] if "seed_a" in self.seeds else None
                    yield golden.quantize(self.a[job.positions], blocks["a"].format, 1, self.rounding, seed).health, 1
        yield blocks["b"].health, of_b

    def blocks(self, name: str, config: CoreConfig) -> golden.BlockTensor:
        """Operand "a" or "b" as golden converts it, and as the core would; or as the program has it."""
        if name == "b" and self.prepared is not None and self.prepared.b is not None:
            _, k, n = self.sizes
            return golden.unpack(self.prepared.b, block_format(config, self.width_b), (k, n), 0)
        width, seed = getattr(self, f"width_{name}"), self.seeds.get(f"seed_{name}")
        x, axis = (self.a, 1) if name == "a" else (self.b, 0)
        return golden.quantize(x, block_format(config, width), axis, self.rounding, None if seed is None else int(seed))

    def rows_of(self, a: golden.BlockTensor) -> golden.BlockTensor:
        """A from its ``blocks``, which may be those of its map."""
        w = self.window
        return a if w is None else golden.patch_blocks(a, w.size, w.kernel, w.strides, w.pads, w.dilations)

    @property
    def form(self) -> OperandFormat:
        """What the operands of its commands come as."""
        return OperandFormat.PACKED if self.packed else OperandFormat.FP32

    def operands(self, job: Job) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The lines that a command's A brings, rows of it or positions of its map, and the part of B."""
        return self.a[job.lines_of_a], self.b[job.inner, job.columns]

    def bias_of(self, job: Job) -> NDArray[np.float32] | None:
        """The part of the bias that a command adds."""
        return self.bias[job.columns] if self.bias is not None and job.fields["bias"] else None


def part_of(blocks: golden.BlockTensor, lines: slice, inner: slice) -> golden.BlockTensor:
    """Some lines of an operand, and of these the blocks of a part of the reduction."""
    size = blocks.format.block_size
    columns = slice(inner.start // size, -(-inner.stop // size))
    mantissas, fields = blocks.mantissas[lines, columns], blocks.fields[lines, columns]
    return golden.BlockTensor(mantissas, fields, blocks.format, (len(fields), inner.stop - inner.start), 1)


def jobs(config: CoreConfig, task: Task) -> Iterator[Job]:
    """The commands of a task, in order."""
    if task.prepared is not None:
        yield from task.prepared.jobs
        return
    line_a, line_b, line_c = (-(-size // config.block_size) * config.block_size for size in (task.a.shape[1], *task.sizes[1:]))
    for command, row, inner, column in _pieces(config, task):
        fields = {name: int(value) for name, value in command._asdict().items() if name in FIELDS}
        rows, columns = slice(row, row + command.rows), slice(column, column + command.columns)
        if command.walk is not None:
            fields |= command.walk.fields
        job = Job(fields, rows, slice(inner, inner + command.inner), columns)
        if task.window is not None:
            job = job.over(task.window)
        fields |= {"rounding": Rounding[task.rounding.upper()], "bias": 0, "format_a": task.form, "format_b": task.form}
        if command.store:
            fields |= {"output": FORMATS[task.output], "width_c": task.width_c, "relu": int(task.relu)}
            fields |= {"bias": int(task.bias is not None)}
        for name, draws in (("seed_a", job.lines_of_a[0].start * line_a), ("seed_b", column * line_b), ("seed_c", row * line_c)):
            if name in task.seeds:
                fields[name] = _later(task.seeds[name], draws)
        yield job


def commands(config: CoreConfig, task: Task) -> Iterable[Command | Loop]:
    """The commands of ``jobs`` as the cycle model takes them, equal ones in loops."""
    if task.prepared is not None or task.window is not None or task.in_rows:
        return (Command.of(job.fields) for job in jobs(config, task))
    fields: CommandFields = {
        "format_a": task.form, "format_b": task.form, "output": FORMATS[task.output], "width_c": task.width_c,
        "bias": task.bias is not None,
    }  # fmt: skip
    return plan(config, *task.sizes, task.width_a, task.width_b, **fields)


def _pieces(config: CoreConfig, task: Task) -> Iterator[Piece]:
    """The plan; where C leaves in whole rows, commands of these, for which B stays."""
    if task.window is not None:
        yield from walks(config, task.window, task.sizes[2], task.width_a, task.width_b, output=FORMATS[task.output])
        return
    if not task.in_rows:
        yield from pieces(config, *task.sizes, task.width_a, task.width_b, output=FORMATS[task.output])
        return
    rows, inner, columns = task.sizes
    step = config.rows * (config.operand_groups // config.groups(inner))
    for row in range(0, rows, step):
        sizes = min(step, rows - row), inner, columns
        yield Piece(Command(*sizes, task.width_a, task.width_b, load_b=row == 0), row, 0, 0)


def widest_rows(config: CoreConfig, inner: int) -> int:
    """Columns of the widest C whose rows leave whole, for operands that the buffers hold."""
    groups = config.operand_groups // config.groups(inner)
    return min(config.panel_columns, groups * config.columns)


def _later(seed: int, draws: int) -> int:
    """State of the random sequence ``draws`` numbers after ``seed``: what a part of a tensor begins with."""
    columns = leap(draws)
    return int(np.bitwise_xor.reduce(columns[[bit for bit in range(32) if seed >> bit & 1]]))


class Assembly:
    """C from the results of its jobs: matrices, or the bytes of packed blocks, panel by panel."""

    def __init__(self, config: CoreConfig, task: Task):
        self.config = config
        rows, _, columns = task.sizes
        self.format = block_format(config, task.width_c) if task.output == "blocks" else None
        self.shape = rows, columns
        if self.format is None:
            self.matrix = np.empty(self.shape, np.float32)
        else:
            blocks = -(-columns // self.format.block_size)
            self.mantissas = np.empty((rows, blocks, self.format.block_size), self.format.dtype)
            self.fields = np.empty((rows, blocks), np.uint16)

    def put(self, job: Job, result: NDArray[np.float32] | bytes) -> None:
        """A job's part."""
        if self.format is None or not isinstance(result, bytes):
            self.matrix[job.rows, job.columns] = result
            return
        part = result_blocks(result, self.format, *job.shape, self.config)
        first = job.columns.start // self.format.block_size
        place = job.rows, slice(first, first + part.fields.shape[1])
        self.mantissas[place], self.fields[place] = part.mantissas, part.fields

    def value(self) -> Matrix:
        """All of C."""
        if self.format is None:
            return self.matrix
        return golden.BlockTensor(self.mantissas, self.fields, self.format, self.shape, 1)
