"""What the driver asks of a machine before it talks to it, on registers of Python."""

import pytest

import golden
from hw.bus.registers import CAPABILITIES, IDENTITY, INTERRUPTS, VERSION, capabilities, offset_of, register_map
from hw.config import CoreConfig
from sim.devices.driver import DriverError, RegisterDevice
from tests.sim.messages import rejects

CONFIG = CoreConfig(
    mantissa_widths=(4, 6), rounding_modes=("nearest", "stochastic"), block_size=16, tile_rows=2, tile_columns=2, lanes=4,
    panel_columns=32, operand_depth=64, queue_depth=3, accumulator="bf16", features=("packed", "bias"),
)  # fmt: skip


class Registers:
    """A core's registers as they are after a reset, and what was written; ``refused`` names those that refuse."""

    def __init__(self, config=CONFIG, stream_words=0, **values):
        known = {"identity": IDENTITY, "version": VERSION} | capabilities(config, stream_words, 0)
        self.values = {register.name: 0 for register in register_map()} | known | values
        self.names = {register.offset: register.name for register in register_map()}
        self.refused, self.written = set(), []

    def read(self, offset, count=1, fixed=False):
        names = [self.names[offset + 4 * i * (not fixed)] for i in range(count)]
        return [] if self.refused & set(names) else [self.values[name] for name in names]

    def write(self, offset, words, fixed=False):
        if self.names[offset] in self.refused:
            return 0
        self.written.append((self.names[offset], words))
        return len(words)


def test_the_machine_is_what_its_registers_say():
    device = RegisterDevice(Registers())
    for name in ("mantissa_widths", "rounding_modes", "block_size", "exponent_width", "dot", "rows", "columns", "lanes",
                 "interleave", "panel_columns", "operand_depth", "queue_depth", "accumulator", "features"):  # fmt: skip
        assert getattr(device.config, name) == getattr(CONFIG, name), name
    assert device.depth == CONFIG.queue_depth + 1
    assert device.operands == "packed"
    assert device.block_size == 16


def test_a_machine_is_reset_before_it_is_used():
    registers = Registers()
    RegisterDevice(registers)
    assert registers.written == [("control", [3]), ("interrupt_cause", [(1 << len(INTERRUPTS)) - 1])]


def test_counters_are_read_at_once_and_start_at_zero():
    device = RegisterDevice(Registers(count_cycles=77, count_saturated=5))
    assert device.counters["cycles"] == device.cycles == 77
    assert device.health() == golden.Health(saturated=5, flushed=0, nan_blocks=0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"identity": 0}, f"there is no core: identity is 0x00000000, not 0x{IDENTITY:08X}"),
        ({"identity": 0xDEADBEEF}, f"there is no core: identity is 0xDEADBEEF, not 0x{IDENTITY:08X}"),
        ({"version": VERSION - 1}, "the core's registers have version {}, this driver needs {}"),
        ({"version": VERSION + (1 << 16)}, "the core's registers have version {}, this driver needs {}"),
    ],
)
def test_rejects_another_core(values, message):
    def dotted(version):
        return f"{version >> 16}.{version & 0xFFFF}"

    with rejects(DriverError, message.format(dotted(values.get("version", 0)), dotted(VERSION))):
        RegisterDevice(Registers(**values))


def test_a_later_register_map_of_the_same_kind_will_do():
    assert RegisterDevice(Registers(version=VERSION + 1)).config.block_size == 16


@pytest.mark.parametrize("operands", ["bfloat16", "fp64"])
def test_rejects_operands_that_the_machine_cannot_take(operands):
    with rejects(ValueError, f"operands must be one of the machine's fp32, packed, not {operands}"):
        RegisterDevice(Registers(), operands=operands)


def test_rejects_a_core_whose_streams_are_out_of_reach():
    with rejects(DriverError, "the core takes its operands from streams, and the transport has none"):
        RegisterDevice(Registers(stream_words=4))


@pytest.mark.parametrize(("name", "access"), [("identity", "read"), ("control", "write"), ("interrupt_cause", "write")])
def test_a_register_that_refuses_is_named(name, access):
    registers = Registers()
    registers.refused = {name}
    with rejects(DriverError, f"the core refused to {access} {name}"):
        RegisterDevice(registers)


def test_capabilities_lie_one_after_another():
    """The driver reads them in one go."""
    first = offset_of(next(iter(CAPABILITIES)))
    assert [offset_of(name) for name in CAPABILITIES] == [first + 4 * i for i in range(len(CAPABILITIES))]
