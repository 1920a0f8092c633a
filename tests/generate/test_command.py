"""The command word: every field at its place."""

import pytest

from hw.command import (
    FIELDS,
    PATCH_FIELDS,
    CommandError,
    OperandFormat,
    OutputFormat,
    Rounding,
    pack_command,
    unpack_command,
)
from hw.config import CoreConfig
from hw.core.decoder import command_layout


def test_fields_lie_one_above_the_other():
    position = 0
    for name, width in (FIELDS | PATCH_FIELDS).items():
        for value in (1, (1 << width) - 1):
            assert pack_command(**{name: value}) == value << position
        position += width
    assert position == command_layout(CoreConfig(features=("patches",))).size
    assert command_layout(CoreConfig()).size == command_layout().size == sum(FIELDS.values())


def test_layout_has_the_same_places():
    word = pack_command(rows=3, inner=0x1234, columns=7, load_b=1, width_c=6, output=OutputFormat.PACKED, seed_c=0x89ABCDEF)
    fields = {name: word >> field.offset & (1 << field.width) - 1 for name, field in command_layout()}
    wanted = {"rows": 3, "inner": 0x1234, "columns": 7, "load_b": 1, "width_c": 6, "output": 1, "seed_c": 0x89ABCDEF}
    assert {name: value for name, value in fields.items() if value} == wanted


def test_unpacked_as_it_was_packed():
    values = {name: (0x5A5A5A5A ^ place) & (1 << width) - 1 for place, (name, width) in enumerate(FIELDS.items())}
    assert unpack_command(pack_command(**values)) == values
    values |= {name: (0x5A5A5A5A ^ place) & (1 << width) - 1 for place, (name, width) in enumerate(PATCH_FIELDS.items())}
    assert unpack_command(pack_command(**values)) == values
    with pytest.raises(ValueError, match=r"^a command must have 170 bits, or 299 with patches, not be 0x8"):
        unpack_command(1 << 299)


@pytest.mark.parametrize(("values", "message"), [
    ({"rows": 65536}, "rows must be between 0 and 65535, not 65536"),
    ({"width_a": -1}, "width_a must be between 0 and 15, not -1"),
    ({"relu": 2}, "relu must be between 0 and 1, not 2"),
    ({"seed_a": 1 << 32}, "seed_a must be between 0 and 4294967295, not 4294967296"),
    ({"depth": 1, "alpha": 2}, "unknown command field alpha, depth"),
])  # fmt: skip
def test_refuses(values, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        pack_command(**values)


@pytest.mark.parametrize(("codes", "field"), [(OperandFormat, "format_a"), (OutputFormat, "output"), (Rounding, "rounding")])
def test_codes_fit_their_fields(codes, field):
    assert max(codes) < 1 << FIELDS[field]
    assert sorted(codes) == list(range(len(codes)))


def test_errors_fit_four_bits():
    assert sorted(CommandError) == list(range(len(CommandError)))
    assert max(CommandError) < 16
