"""The words that reach one unit of a tile, cycle by cycle, as the machine's schedule brings them."""

from collections.abc import Iterator

from amaranth.hdl import Shape
from amaranth.lib.wiring import Component

from hw.baseline.formats import NumberFormat
from hw.config import CoreConfig
from synth.energy.operands import encode, layers

__all__ = ["Stimulus"]

Place = tuple[int, int, int, int, int]
"""Layer, row, column, block and slot."""


class Stimulus:
    """Operands of one unit in several lanes: half of them in each of the two layers, each at outputs of its own.

    A unit keeps ``interleave`` outputs of one column; blocks of the reduction (or groups that are joined, of which the last
    may lack some) follow one another, each for all of these outputs in turn, then the next column begins.

    Parameters
    ----------
    form, config
        the tile.
    unit
        its unit.
    statistics
        of ``STATISTICS``.
    lanes
        independent units.
    """

    def __init__(self, form: NumberFormat, config: CoreConfig, unit: Component, statistics: str, lanes: int):
        self.form, self.config, self.unit, self.lanes = form, config, unit, lanes
        self.pairs = [tuple(encode(form, x, config.dot, side) for side, x in zip("ab", pair, strict=True))
                      for pair in layers(statistics)]  # fmt: skip
        self.fields = {
            name: Shape.cast(unit.operand[name].shape).width for name in unit.operand.members if name != "mantissas"
        }
        self.slot_bits = Shape.cast(range(config.interleave)).width

    def _place(self, lane: int, cycle: int) -> Place:
        """Layer, row, column, block and slot of a lane in a cycle."""
        layer, kept = lane % 2, self.config.interleave
        a, b = self.pairs[layer]
        blocks = -(-a.words.shape[1] // self.config.dot)
        step, slot = divmod(cycle, kept)
        column, block = divmod(step, blocks)
        row = (lane // 2 * 4 * kept + 4 * slot) % a.words.shape[0]
        return layer, row, (4 * column + lane) % b.words.shape[0], block, slot

    def __iter__(self) -> Iterator[dict[str, list[int]]]:
        """Values of the unit's ports in each lane, cycle after cycle without end."""
        accumulator, delay = self.unit.accumulator, self.unit.sum_cycles + 1
        dot, cycle = self.config.dot, 0
        places: list[list[Place]] = []
        while True:
            places.append([self._place(lane, cycle) for lane in range(self.lanes)])
            ports: dict[str, list[int]] = {}
            for index, side in enumerate("ab"):
                ports[side] = []
                for place in places[cycle]:
                    start = place[3] * dot
                    words = self.pairs[place[0]][index].words[place[1 + index], start : start + dot].tolist()
                    ports[side].append(sum(word << i * self.form.bits_of(side) for i, word in enumerate(words)))
            for name, width in self.fields.items():
                for index, side in enumerate("ab"):
                    ports[f"{name}_{side}"] = [
                        self._field(name, index, place) % (1 << width) for place in places[max(0, cycle - delay)]
                    ]
            joined = delay + self.unit.join_cycles
            reads = places[max(0, cycle - joined - accumulator.read_cycle)]
            writes = places[max(0, cycle - joined - accumulator.write_cycle)]
            ports["read"] = [place[4] | int(place[3] == 0) << self.slot_bits for place in reads]
            ports["write"] = [place[4] | 1 << self.slot_bits for place in writes]
            if self.config.clock_gating:
                ports["enable"] = [(1 << self.unit.ranks) - 1] * self.lanes
            if self.unit.sums:  # a step is a whole block
                ports["sum_control"] = [1] * self.lanes
            yield ports
            cycle += 1

    def quiet(self, ports: dict[str, list[int]]) -> dict[str, list[int]]:
        """Values of the ports in a cycle without work: what was there, and nothing written."""
        return ports | {name: [0] * self.lanes for name in ("write", "enable") if name in ports}

    def _field(self, name: str, index: int, place: Place) -> int:
        if name == "nan":
            return 0
        operand, group = self.pairs[place[0]][index], self.config.group
        table = operand.scales if name == "scale" else operand.factors
        if group == 1:
            return int(table[place[1 + index], place[3]])
        scales = table[place[1 + index], place[3] * group : (place[3] + 1) * group].tolist()
        scales += [self.config.missing_scale] * (group - len(scales))
        width = self.fields[name] // group
        return sum(scale % (1 << width) << k * width for k, scale in enumerate(scales))
