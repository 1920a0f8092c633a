"""The register map: where everything is, and what a machine has of it."""

import pytest

from hw.bus.registers import (
    ADDRESS_WIDTH,
    CAPABILITIES,
    FAULTS,
    INTERRUPTS,
    capabilities,
    command_words,
    offset_of,
    register_map,
    registers_of,
)  # fmt: skip
from hw.command import FIELDS
from hw.config import FEATURES, CoreConfig
from hw.core.counters import COUNTERS


def test_offsets_are_distinct_aligned_and_in_range():
    offsets = [register.offset for register in register_map()]
    assert offsets == sorted(set(offsets))
    assert all(offset % 4 == 0 and offset < 1 << ADDRESS_WIDTH for offset in offsets)
    names = [register.name for register in register_map()]
    assert len(names) == len(set(names))
    for register in register_map():
        bits = [field.position + i for field in register.fields for i in range(field.width)]
        assert len(bits) == len(set(bits))
        assert all(bit < 32 for bit in bits)


def test_capabilities_describe_the_configuration():
    values = capabilities(CoreConfig(mantissa_widths=(4, 6), rounding_modes=("nearest", "truncate")), 4, 50_000_000)
    assert values["mantissa_widths"] == 1 << 4 | 1 << 6
    assert values["rounding_modes"] == 0b101
    assert values["stream_words"] == 4
    assert values["clock_hz"] == 50_000_000
    assert all(0 <= value < 1 << 32 for value in values.values())


@pytest.mark.parametrize("name", ["identity", "status", "interrupt_cause", *CAPABILITIES])
def test_an_offset_is_its_registers(name):
    (register,) = [register for register in register_map() if register.name == name]
    assert offset_of(name) == register.offset
    with pytest.raises(KeyError, match=f"^'not_{name}'$"):
        offset_of(f"not_{name}")


@pytest.mark.parametrize(
    "names", [list(CAPABILITIES), [f"count_{name}" for name in COUNTERS], [f"command_{i}" for i in range(command_words())]]
)
def test_what_is_read_or_written_at_once_lies_side_by_side(names):
    assert [offset_of(name) - offset_of(names[0]) for name in names] == list(range(0, 4 * len(names), 4))


def test_a_last_word_has_the_next_offset():
    """The serial line ends a line of an operand there (``Action.LAST``)."""
    for name in ("a", "b", "bias"):
        assert offset_of(f"data_{name}_last") == offset_of(f"data_{name}") + 4


def test_a_command_fits_its_registers():
    assert 32 * (command_words() - 1) < sum(FIELDS.values()) <= 32 * command_words()


def test_data_registers_are_those_that_streams_do_not_replace():
    def data(config, stream_words=0):
        return [r.name for r in registers_of(config, stream_words) if r.name.startswith("data_")]

    operands = ["data_a", "data_a_last", "data_b", "data_b_last", "data_c"]
    assert data(CoreConfig()) == operands
    assert data(CoreConfig(features=("bias",))) == [*operands, "data_bias", "data_bias_last"]
    assert data(CoreConfig(features=("bias",)), 4) == []
    others = [r for r in register_map() if not r.name.startswith("data_")]
    assert registers_of(CoreConfig(), 4) == others


def test_interrupts_have_a_bit_each_in_all_registers_of_theirs():
    by_name = {register.name: register for register in register_map()}
    for name in ("interrupt_enable", "interrupt_cause"):
        assert [(f.name, f.position, f.width) for f in by_name[name].fields] == [(n, i, 1) for i, n in enumerate(INTERRUPTS)]
    assert set(FAULTS) == set(INTERRUPTS) - {"completed", "overflow", "underflow"}


@pytest.mark.parametrize("feature", FEATURES)
def test_each_feature_has_a_bit(feature):
    config = CoreConfig(features=(feature,), panel_columns=64)
    assert capabilities(config)["features"] == 1 << FEATURES.index(feature)
