"""A product of any size as commands that fit the core: one plan for devices, estimates and traces."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple, TypedDict, Unpack

from hw.command import SIZE_WIDTH, OperandFormat, OutputFormat
from hw.config import CoreConfig
from hw.timing import Timing
from sim.workloads.window import Walk

__all__ = ["Command", "CommandFields", "Cut", "Loop", "Piece", "commands", "panels", "pieces", "plan", "whole_blocks"]

LARGEST = 2**SIZE_WIDTH - 1
PARTS = 8
"""Commands of a product that would fit the buffers whole: more than eight gain hardly more."""


class Command(NamedTuple):
    """What decides the time a command takes: those fields of the command word, by their names.

    A ``refused`` one is one that the core does not do, whatever the reason. One whose A is a feature map has the ``walk``
    over it.
    """

    rows: int
    inner: int
    columns: int
    width_a: int
    width_b: int
    load_a: bool = True
    load_b: bool = True
    accumulate: bool = False
    store: bool = True
    format_a: OperandFormat = OperandFormat.FP32
    format_b: OperandFormat = OperandFormat.FP32
    output: OutputFormat = OutputFormat.FP32
    width_c: int = 0
    bias: bool = False
    refused: bool = False
    walk: Walk | None = None

    @classmethod
    def of(cls, fields: Mapping[str, int]) -> "Command":
        """That of all the fields of a command word."""
        return cls(
            fields["rows"], fields["inner"], fields["columns"], fields["width_a"], fields["width_b"],
            bool(fields["load_a"]), bool(fields["load_b"]), bool(fields["accumulate"]), bool(fields["store"]),
            OperandFormat(fields["format_a"]), OperandFormat(fields["format_b"]), OutputFormat(fields["output"]),
            fields["width_c"], bool(fields["bias"]), walk=Walk.of(fields),
        )  # fmt: skip


class CommandFields(TypedDict, total=False):
    """Fields that all commands of a product share; those left out are as in ``Command``."""

    format_a: OperandFormat
    format_b: OperandFormat
    output: OutputFormat
    width_c: int
    bias: bool
    refused: bool


@dataclass(frozen=True)
class Loop:
    """``count`` times the commands of ``body``, one after another."""

    count: int
    body: tuple["Command | Loop", ...]


class Piece(NamedTuple):
    """A command and where its part of the product begins."""

    command: Command
    row: int
    inner: int
    column: int


@dataclass(frozen=True)
class Cut:
    """How a product larger than the operand buffers is cut into commands.

    Attributes
    ----------
    rows, columns, inner
        sizes of a full command.
    row_panels, column_panels, inner_panels
        commands along m, n and k; their product is the number of commands.
    keep_a
        whether A stays in its buffer while B passes by panel by panel, or the other way round. If the reduction is
        cut, neither stays.
    """

    rows: int
    columns: int
    inner: int
    row_panels: int
    column_panels: int
    inner_panels: int
    keep_a: bool

    @property
    def loads(self) -> tuple[int, int]:
        """How often each element of A and of B is loaded."""
        keep = self.inner_panels == 1
        return (
            1 if keep and self.keep_a else self.column_panels,
            1 if keep and not self.keep_a else self.row_panels,
        )


def panels(config: CoreConfig, m: int, k: int, n: int, output: OutputFormat = OutputFormat.FP32) -> Cut:
    """Commands that one half of each operand buffer can hold: all of k if it fits, then as many rows and columns.

    The operand that stays is the one that makes the busier of the two streams less busy, and then both, and then the
    smaller one. The other comes in up to ``PARTS`` parts even where the buffers would hold it, so that loading,
    computing and storing overlap. If k does not fit, commands accumulate in the array, so each covers one output tile
    and as much of k as its rows leave room for. Where C becomes blocks, a command has whole blocks of a row of C.

    Raises
    ------
    ValueError
        if C is to become blocks and the operand buffer has no room for the columns of one.
    """
    blocks, room_depth = config.groups(k), config.operand_groups
    if blocks <= room_depth and k <= LARGEST:
        depth = blocks
        groups_a = groups_b = room_depth // blocks
    else:
        groups_a, groups_b = min(config.interleave, room_depth), 1
        depth = min(room_depth // groups_a, LARGEST // config.group_size)
    groups_a, groups_b = min(groups_a, LARGEST // config.rows), min(groups_b, LARGEST // config.columns)
    rows, columns = min(m, config.rows * groups_a), min(n, config.columns * groups_b)
    if output == OutputFormat.PACKED:
        room, columns = columns, whole_blocks(config, n, columns)
        if not columns:
            needed = ceil(config.block_size / config.columns) * blocks * config.group
            raise ValueError(
                f"results in blocks need room for {config.block_size} columns of B, but there is for {room}: "
                f"operand_depth must be at least {needed}, not {config.operand_depth}"
            )
    row_panels, column_panels = ceil(m / rows), ceil(n / columns)
    kept_a, kept_b = (m, n * row_panels), (m * column_panels, n)
    keep_a = (max(kept_a), sum(kept_a), m) <= (max(kept_b), sum(kept_b), n)
    if blocks == depth:
        least = Timing(config).decode_cycles / (ceil(k / config.block_size) * Timing(config).block_beats)
        if keep_a:
            columns = _part(n, m, columns, config.columns, config.panel_tiles, least)
            column_panels = ceil(n / columns)
        else:
            rows = _part(m, n, rows, config.rows, config.interleave, least)
            row_panels = ceil(m / rows)
    return Cut(
        rows=rows,
        columns=columns,
        inner=min(k, depth * config.group_size),
        row_panels=row_panels,
        column_panels=column_panels,
        inner_panels=ceil(blocks / depth),
        keep_a=keep_a,
    )


def whole_blocks(config: CoreConfig, n: int, most: int) -> int:
    """Columns of a command whose C becomes blocks: all ``n``, or whole blocks of no more than ``most``; 0 for none."""
    return n if n <= most else most // config.block_size * config.block_size


def _part(size: int, kept: int, most: int, unit: int, bundle: int, least: float) -> int:
    """Lines of a command's part of an axis of ``size``, at most ``most``.

    It has whole ``unit``s, bundles of ``bundle`` of them where that fits. It has ``least`` lines, so that its load takes
    no less than the decoding of its command, and that of two parts no less than that of the ``kept`` lines of the other
    operand, which load at the same time, while there is room for two parts.
    """
    units = ceil(max(size / PARTS, kept / 2, least) / unit)
    return min(size, most, ceil(units / bundle) * bundle * unit)


def _parts(size: int, step: int) -> list[tuple[int, int]]:
    """(count, length) of the parts of an axis: those of ``step``, and a shorter last one."""
    whole, rest = divmod(size, step)
    return [(count, length) for count, length in ((whole, step), (1, rest)) if count and length]


def plan(
    config: CoreConfig, m: int, k: int, n: int, width_a: int, width_b: int, **fields: Unpack[CommandFields]
) -> tuple[Command | Loop, ...]:
    """The commands of C (m x n) = A (m x k) B (k x n), in order; ``fields`` are further ones, the same for all."""
    cut = panels(config, m, k, n, fields.get("output", OutputFormat.FP32))
    rows, columns = _parts(m, cut.rows), _parts(n, cut.columns)
    outer, inner = (rows, columns) if cut.keep_a else (columns, rows)

    def product(outer_length: int, inner_length: int, first: bool) -> list[Command | Loop]:
        """One part of C, with the operand that stays if it is the first to use it."""
        sizes = (outer_length, inner_length) if cut.keep_a else (inner_length, outer_length)
        if cut.inner_panels > 1:
            return _accumulated(cut, k, Command(sizes[0], cut.inner, sizes[1], width_a, width_b, **fields))
        load_a, load_b = (first, True) if cut.keep_a else (True, first)
        return [Command(sizes[0], k, sizes[1], width_a, width_b, load_a, load_b, **fields)]

    items: list[Command | Loop] = []
    for outer_count, outer_length in outer:
        body = product(outer_length, inner[0][1], True)
        for i, (inner_count, inner_length) in enumerate(inner):
            body += _loop(inner_count - (i == 0), product(outer_length, inner_length, False))
        items += _loop(outer_count, body)
    return tuple(items)


def _accumulated(cut: Cut, k: int, command: Command) -> list[Command | Loop]:
    """One output tile whose reduction is cut: sums stay in the array until the last part."""
    last = k - (cut.inner_panels - 1) * cut.inner
    return [
        command._replace(store=False),
        *_loop(cut.inner_panels - 2, [command._replace(accumulate=True, store=False)]),
        command._replace(inner=last, accumulate=True),
    ]


def _loop(count: int, body: list[Command | Loop]) -> list[Command | Loop]:
    return body if count == 1 else [Loop(count, tuple(body))] if count > 0 else []


def commands(items: tuple[Command | Loop, ...]) -> Iterator[Command]:
    """The commands one by one."""
    for item in items:
        if isinstance(item, Loop):
            for _ in range(item.count):
                yield from commands(item.body)
        else:
            yield item


def pieces(
    config: CoreConfig, m: int, k: int, n: int, width_a: int, width_b: int, **fields: Unpack[CommandFields]
) -> Iterator[Piece]:
    """The commands of ``plan`` one by one, with their places."""
    cut = panels(config, m, k, n, fields.get("output", OutputFormat.FP32))
    rows, columns, inner = range(0, m, cut.rows), range(0, n, cut.columns), range(0, k, cut.inner)
    if cut.keep_a:
        places = ((row, part, column) for row in rows for column in columns for part in inner)
    else:
        places = ((row, part, column) for column in columns for row in rows for part in inner)
    for command, place in zip(commands(plan(config, m, k, n, width_a, width_b, **fields)), places, strict=True):
        yield Piece(command, *place)
