"""The components whose netlists are changed, and the tests nearest to each: on one machine, which is built once."""

from dataclasses import dataclass

__all__ = ["COMPONENTS", "PARTS", "Nearest"]


@dataclass(frozen=True)
class Nearest:
    """Tests, and how they meet the mutants of a component.

    Attributes
    ----------
    tests
        names as pytest takes them.
    modules
        pattern of the names of those modules of the emitted text that are changed.
    simulated
        the component's class, where tests have Amaranth simulate it; else they compile the emitted Verilog.
    """

    tests: tuple[str, ...]
    modules: str = "*"
    simulated: str = ""


def _compiled(*tests: str, modules: str = "*") -> Nearest:
    return Nearest(tests, modules)


def _simulated(name: str, *tests: str) -> Nearest:
    return Nearest(tests, simulated=name)


_GEARBOX, _GUARD, _UART, _AXI, _SERIAL = (
    f"tests/{name}.py::test_"
    for name in ("bus/test_gearbox", "bus/test_line_guard", "serial/test_uart", "bus/test_axi_core", "board/test_serial_board")
)
_ACCUMULATOR = "tests/accumulate/test_block_accumulator.py::test_words_follow_the_definition"
_BOARD = (
    f"{_SERIAL}frames_are_checked_and_not_executed_twice",
    f"{_SERIAL}refused_commands_name_their_error_and_leave_a_working_device",
    f"{_SERIAL}stuck_core_is_reported_and_reset",
    f"{_SERIAL}products_of_any_size_equal_golden",
)

COMPONENTS = {
    "hw/quantize/operand_expander.py": _compiled("tests/quantize/test_operand_expander.py::test_operand_expander[4]"),
    "hw/quantize/block_quantizer.py": _compiled("tests/quantize/test_block_quantizer.py::test_block_quantizer[mixed]"),
    "hw/quantize/block_packer.py": _compiled("tests/quantize/test_block_packer.py::test_block_packer[mixed]"),
    "hw/quantize/block_unpacker.py": _compiled("tests/quantize/test_block_unpacker.py::test_block_unpacker[mixed]"),
    "hw/dot/dot_product.py":
        _compiled("tests/dot/test_dot_product.py::test_sums_are_exact_after_the_latency[structural]", modules="dot_product*"),
    "hw/dot/carry_chain.py":
        _compiled("tests/dot/test_dot_product.py::test_sums_are_exact_after_the_latency[carry_chain]", modules="dot_product*"),
    "hw/dot/paired_dot_product.py": _compiled("tests/dot/test_paired_dot_product.py::test_sums_are_exact"),
    "hw/array/processing_element.py":
        _compiled("tests/array/test_processing_element.py::test_processing_element[mixed]", modules="processing_element*"),
    "hw/array/tile.py":
        _compiled("tests/array/test_tile.py::test_tile[mixed]", modules="tile*"),
    "hw/array/mesh.py":
        _compiled("tests/array/test_mesh.py::test_mesh[units]", modules="mesh*"),
    "hw/accumulate/block_accumulator.py":
        _compiled(f"{_ACCUMULATOR}[fp32]", modules="block_accumulator_fp32_s13_e9_l4_c5*"),
    "hw/accumulate/aligned_accumulator.py":
        _compiled(f"{_ACCUMULATOR}[aligned]", modules="block_accumulator_aligned_s13_e9_l2_c3*"),
    "hw/accumulate/block_joiner.py":
        _simulated("BlockJoiner", "tests/accumulate/test_block_joiner.py::test_equals_the_definition[2-1]"),
    "hw/accumulate/result_finisher.py": _compiled("tests/accumulate/test_result_finisher.py::test_result_finisher"),
    "hw/accumulate/bfloat16_packer.py": _compiled("tests/accumulate/test_bfloat16_packer.py::test_bfloat16_packer[4]"),
    "hw/core/counters.py": _compiled(
        "tests/core/test_counters.py::test_counters[5-every_event_is_counted_once]",
        "tests/core/test_counters.py::test_counters[5-narrow_counters_stay_at_their_largest_value]",
    ),
    "hw/core/decoder.py": _compiled("tests/core/test_decoder.py::test_decoder[features]"),
    "hw/core/loader.py": _compiled("tests/core/test_loader.py::test_loader", modules="loader*"),
    "hw/core/operand_buffer.py": _compiled("tests/core/test_operand_buffer.py::test_operand_buffer[steps_in_a_word]"),
    "hw/core/output_stage.py": _compiled("tests/core/test_output_stage.py::test_output_stage[blocks]", modules="output_stage*"),
    "hw/core/patch_buffer.py": _compiled("tests/core/test_patch_buffer.py::test_patch_buffer[positions_side_by_side]"),
    "hw/core/patch_origins.py": _compiled("tests/core/test_patch_origins.py::test_patch_origins"),
    "hw/core/ram.py": _compiled("tests/core/test_ram.py::test_ram[shape0]"),
    "hw/core/requantizer.py": _compiled("tests/core/test_requantizer.py::test_requantizer[parts]", modules="requantizer*"),
    "hw/core/result_buffer.py": _compiled("tests/core/test_result_buffer.py::test_result_buffer[panels]", modules="result_buffer*"),
    "hw/core/sequencer.py": _compiled("tests/core/test_sequencer.py::test_sequencer[mixed]"),
    "hw/core/core.py": _compiled("tests/core/test_core.py::test_core[classic]", modules="core_*"),
    "hw/baseline/elements.py":
        _compiled("tests/baseline/test_elements.py::test_every_block_is_added_as_others_would[pipelined]"),
    "hw/baseline/float_multiply.py": _compiled("tests/baseline/test_float_multiply.py"),
    "hw/baseline/scaled_product.py": _compiled("tests/baseline/test_scaled_product.py"),
    "hw/baseline/weighted_sum.py":
        _simulated("WeightedSum", "tests/baseline/test_weighted_sum.py::test_sums_and_their_largest_values[2-8-2]"),
    "hw/bus/gearbox.py": _simulated(
        "Gearbox", f"{_GEARBOX}a_packet_takes_no_more_beats_than_it_fills[2-3-0.5]",
        f"{_GEARBOX}packets_come_out_whole_in_full_beats[2-3-0.5-0.5]",
    ),
    "hw/bus/line_guard.py": _simulated(
        "LineGuard", f"{_GUARD}every_packet_is_one_line_cut_or_filled_up[0-0.5]", f"{_GUARD}a_wrong_packet_is_told[9-short-1]",
        f"{_GUARD}a_wrong_packet_is_told[11-long-3]",
    ),
    "hw/bus/axi_lite.py": _compiled(f"{_AXI}axi_core[32]", modules="axi_lite*"),
    "hw/bus/register_bank.py": _compiled(f"{_AXI}axi_core[32]", modules="register_bank*"),
    "hw/bus/stream_core.py": _compiled(f"{_AXI}axi_core[32]", modules="stream_core*"),
    "hw/bus/axi_core.py": _compiled(f"{_AXI}axi_core[32]", modules="axi_core*"),
    "hw/serial/uart.py:SerialReceiver": _simulated(
        "SerialReceiver", f"{_UART}bytes_are_received[8]", f"{_UART}a_byte_is_there_half_a_bit_after_its_stop_bit_began[8]",
        f"{_UART}a_byte_without_a_stop_bit_is_dropped",
    ),
    "hw/serial/uart.py:SerialTransmitter": _simulated(
        "SerialTransmitter", f"{_UART}bytes_are_sent_bit_by_bit[9-7]", f"{_UART}bytes_are_sent_bit_by_bit[9-150]",
    ),
    "hw/serial/frame_bridge.py": _compiled(*_BOARD, modules="frame_bridge*"),
    "hw/serial/serial_core.py": _compiled(*_BOARD, modules="serial_core*"),
    "hw/board/clock.py": _simulated("LockReset", "tests/board/test_clock.py"),
}  # fmt: skip
"""By module, and by its class where it has several."""
PARTS = (
    "hw/baseline/element.py", "hw/baseline/small_float.py", "hw/dot/adder_cells.py", "hw/dot/compressor_tree.py",
    "hw/dot/product.py", "hw/dot/sum_of_products.py",
)  # fmt: skip
"""Modules whose components are nothing but parts of the netlists above."""
