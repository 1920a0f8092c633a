"""The command decoder against the rules of its error codes."""

from random import Random

import cocotb
import pytest

from hw.command import FIELDS, PATCH_FIELDS, CommandError, OperandFormat, OutputFormat, Rounding, pack_command
from hw.config import CoreConfig
from hw.core.decoder import CommandDecoder, job_layout
from tests.bench import parameters, simulate
from tests.layouts import step, unpack
from tests.streams import reset, start_clock

CONFIGS = {
    "plain": CoreConfig(block_size=16, tile_rows=2, tile_columns=2, operand_depth=8),
    "features": CoreConfig(
        mantissa_widths=(4, 6), block_size=12, lanes=6, tile_rows=2, tile_columns=3, interleave=2, operand_depth=20,
        panel_columns=12, rounding_modes=("nearest", "stochastic"),
        features=("packed", "bfloat16", "bias", "requantize"),
    ),
    "patches": CoreConfig(
        block_size=16, lanes=16, tile_rows=4, tile_columns=4, operand_depth=20, load_lines=4, panel_columns=16,
        rounding_modes=("nearest", "stochastic"), features=("packed", "requantize", "patches"),
    ),
}  # fmt: skip


class Machine:
    """What a machine holds, and the rules it follows from there."""

    def __init__(self, config: CoreConfig):
        self.config = config
        self.loaded = {"a": None, "b": None}  # groups of lines, inner size, width
        self.map = 0  # whether A is a map
        self.held = None  # shape of C in the array
        self.waiting = None  # shape and width of C as blocks

    def sizes(self, command) -> dict:
        c = self.config
        divisors = {"rows": c.rows, "inner": c.block_size, "columns": c.columns}
        names = ("row_groups", "blocks", "column_groups")
        sizes = {name: -(-command[size] // divisors[size]) for name, size in zip(names, divisors, strict=True)}
        if command.get("patches"):
            sizes |= {"channel_blocks": -(-command["channels"] // c.block_size)}
        return sizes

    def walk(self, command) -> dict:
        """What a walk needs besides, where A is a map."""
        c, over = self.config, 1 << self.config.position_width
        jumps = {
            "tap_jump": command["dilation_rows"] * command["map_columns"],
            "row_jump": command["stride_rows"] * command["map_columns"],
            "sample_jump": command["map_rows"] * command["map_columns"],
            "corner": command["pad_rows"] * command["map_columns"] + command["pad_columns"],
        }
        pitch = -(-command["positions"] // c.load_lines) * c.load_lines
        return {"pitch": pitch} | {name: value % over for name, value in jumps.items()}

    def broken_rules(self, command) -> set[CommandError]:
        """Codes of all rules that the command breaks."""
        c, sizes, broken = self.config, self.sizes(command), set()
        values = dict(command)
        stores_blocks = values["store"] and values["output"] in (OutputFormat.PACKED, OutputFormat.RESULTS)
        from_results = values["load_a"] and values["format_a"] == OperandFormat.RESULTS

        def rule(code, fulfilled):
            if not fulfilled:
                broken.add(code)

        patches = values.get("patches", 0)
        rule(CommandError.ZERO_SIZE, values["rows"] and values["inner"] and values["columns"])
        rule(CommandError.ZERO_SIZE, not patches or (values["positions"] and values["channels"]))
        rule(CommandError.FORMAT, not (patches and from_results))
        widths = [values["width_a"], values["width_b"]] + [values["width_c"]] * stores_blocks
        rule(CommandError.WIDTH, set(widths) <= set(c.mantissa_widths))
        rule(CommandError.ROUNDING, values["rounding"] in [Rounding[mode.upper()] for mode in c.rounding_modes])
        seeds = [values["seed_a"], values["seed_b"]] + [values["seed_c"]] * stores_blocks
        rule(CommandError.SEED, values["rounding"] != Rounding.STOCHASTIC or all(seeds))
        operands, outputs = {OperandFormat.FP32}, {OutputFormat.FP32}
        if "packed" in c.features:
            operands |= {OperandFormat.PACKED}
        if "bfloat16" in c.features:
            operands |= {OperandFormat.BFLOAT16}
            outputs |= {OutputFormat.BFLOAT16}
        if "requantize" in c.features:
            outputs |= {OutputFormat.PACKED, OutputFormat.RESULTS}
        operands_a = operands | {OperandFormat.RESULTS} if "requantize" in c.features else operands
        rule(CommandError.FORMAT, values["format_a"] in operands_a and values["format_b"] in operands)
        rule(CommandError.FORMAT, values["output"] in outputs)
        rule(CommandError.FORMAT, "bias" in c.features or not (values["bias"] or values["relu"]))
        in_rows = values["output"] == OutputFormat.RESULTS or values["rounding"] == Rounding.STOCHASTIC
        rule(CommandError.OUTPUT_TOO_WIDE, not (stores_blocks and in_rows) or values["columns"] <= c.panel_columns)
        rule(CommandError.RESULTS_WAIT, not self.waiting or from_results)
        shape = values["rows"], values["columns"]
        one_tile = sizes["row_groups"] <= c.interleave and sizes["column_groups"] == 1
        rule(CommandError.NOT_HELD, values["store"] or one_tile)
        rule(CommandError.NOT_HELD, not values["accumulate"] or (one_tile and self.held == shape))
        for name, groups, large, missing in (
            ("a", sizes["row_groups"], CommandError.A_TOO_LARGE, CommandError.A_NOT_LOADED),
            ("b", sizes["column_groups"], CommandError.B_TOO_LARGE, CommandError.B_NOT_LOADED),
        ):
            if name == "a" and patches:
                rule(large, groups <= c.operand_depth)
                rule(large, self.walk(values)["pitch"] * sizes["channel_blocks"] <= c.operand_depth)
            else:
                rule(large, groups * sizes["blocks"] <= c.operand_depth)
            if not values[f"load_{name}"]:
                held = self.loaded[name]
                rule(missing, held and held[0] >= groups and held[1:] == (values["inner"], values[f"width_{name}"]))
        rule(CommandError.A_NOT_LOADED, values["load_a"] or self.map == patches)
        if from_results:
            rule(CommandError.A_NOT_LOADED, self.waiting == (values["rows"], values["inner"], values["width_a"]))
        return broken

    def accept(self, command) -> None:
        sizes, values = self.sizes(command), command
        if values["load_a"]:
            self.map = values.get("patches", 0)
        for name, groups in (("a", sizes["row_groups"]), ("b", sizes["column_groups"])):
            if values[f"load_{name}"]:
                self.loaded[name] = groups, values["inner"], values[f"width_{name}"]
        one_tile = sizes["row_groups"] <= self.config.interleave and sizes["column_groups"] == 1
        self.held = (values["rows"], values["columns"]) if one_tile else None
        kept = values["store"] and values["output"] == OutputFormat.RESULTS
        self.waiting = (values["rows"], values["columns"], values["width_c"]) if kept else None


def random_command(rng: Random, config: CoreConfig, machine: Machine, previous: dict) -> dict:
    """A command that is likely fine but for at most a field or two."""
    n, width = config.block_size, rng.choice(config.mantissa_widths)
    command = dict.fromkeys(FIELDS, 0) | {
        "rows": rng.randint(1, 3 * config.rows), "inner": rng.choice((1, n, n + 1, 2 * n - 1)),
        "columns": rng.randint(1, 3 * config.columns), "load_a": 1, "load_b": 1, "store": 1,
        "width_a": width, "width_b": width, "width_c": width,
        "seed_a": rng.getrandbits(32) | 1, "seed_b": 7, "seed_c": 9,
    }  # fmt: skip
    if rng.random() < 0.6:
        command |= {name: previous[name] for name in ("rows", "inner", "columns", "width_a", "width_b")}
    if machine.waiting and rng.random() < 0.8:
        command |= {"format_a": OperandFormat.RESULTS} | dict(
            zip(("rows", "inner", "width_a"), machine.waiting, strict=True)
        )
    changes = [
        {rng.choice(("rows", "inner", "columns")): 0}, {"inner": 0xFFFF}, {"rows": 0xFFFF}, {"columns": 0x8000},
        {"rows": config.rows * config.operand_depth}, {"rows": config.rows * config.operand_depth + 1, "inner": 1},
        {"columns": config.columns * config.operand_depth, "inner": n},
        {"columns": config.columns * config.operand_depth + 1, "inner": n},
        {"load_a": 0}, {"load_b": 0}, {"load_a": 0, "load_b": 0}, {"store": 0}, {"accumulate": 1},
        {"store": 0, "rows": config.output_rows, "columns": config.columns},
        {"store": 0, "rows": config.output_rows + 1, "columns": config.columns},
        {rng.choice(("width_a", "width_b", "width_c")): rng.randrange(16)},
        {"rounding": rng.randrange(4)}, {"rounding": 1, rng.choice(("seed_a", "seed_b", "seed_c")): 0},
        {rng.choice(("format_a", "format_b", "output")): rng.randrange(4)}, {rng.choice(("bias", "relu")): 1},
        {"format_b": OperandFormat.RESULTS}, {"output": OutputFormat.RESULTS},
        {"output": OutputFormat.PACKED, "columns": config.panel_columns + 1},
        {"output": OutputFormat.PACKED, "columns": config.panel_columns + 1, "rounding": 1},
        {"output": OutputFormat.RESULTS, "columns": config.panel_columns + 1},
        {"output": OutputFormat.RESULTS, "columns": config.panel_columns},
    ]  # fmt: skip
    if config.walks:
        walk = {name: rng.getrandbits(width) for name, width in PATCH_FIELDS.items()}
        walk |= {"patches": rng.random() < 0.6, "positions": rng.randint(1, 24), "channels": rng.randint(1, 2 * n)}
        command |= {name: int(value) for name, value in walk.items()}
        if rng.random() < 0.5:
            command |= {name: value for name, value in previous.items() if name in PATCH_FIELDS}
        changes += [{"positions": 0}, {"channels": 0}, {"positions": 65534}, {"patches": 1 - command["patches"]}]
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        command |= rng.choice(changes)
    return command


async def decode(dut, command: dict, rng: Random, config: CoreConfig):
    """The job and the cycles it took, or ``None`` if the command was refused; then the error."""
    while not (await step(dut, ["i__ready"], i__valid=1, i__payload=pack_command(**command)))[0]:
        pass
    ports = ["o__valid", "o__payload", "refused", "i__ready"]
    cycles, valid, refused = 0, 0, 0
    while not valid and not refused:
        cycles += 1
        assert cycles < 100
        valid, payload, refused, ready = await step(dut, ports, i__valid=0, i__payload=rng.getrandbits(160), o__ready=0)
        assert not ready
    if refused:
        job = cycles = None
    else:
        for _ in range(rng.choice((0, 0, 3))):
            assert (await step(dut, ports))[:3] == [1, payload, 0]
        await step(dut, o__ready=1)
        job = unpack(job_layout(config), payload)
    valid, refused, error = await step(dut, ["o__valid", "refused", "error"], o__ready=0)
    assert not valid
    assert not refused
    return job, cycles, CommandError(error)


@cocotb.test()
async def refuses_what_breaks_a_rule_and_nothing_else(dut):
    """Random commands; sizes are rounded up, all other fields pass unchanged, refused commands leave no trace."""
    config = CoreConfig.from_dict(parameters()["config"])
    rng, machine = Random(1), Machine(config)
    previous = dict.fromkeys(FIELDS, 1)
    start_clock(dut)
    await reset(dut, i__valid=0, i__payload=0, o__ready=0)
    outcomes = dict.fromkeys(CommandError, 0)
    for _ in range(700):
        command = random_command(rng, config, machine, previous)
        broken = machine.broken_rules(command)
        job, cycles, error = await decode(dut, command, rng, config)
        outcomes[error] += 1
        assert error in (broken or {CommandError.NONE}), (command, machine.loaded, machine.held, machine.waiting)
        assert (job is None) == bool(broken)
        if job is not None:
            assert cycles == CommandDecoder(config).decode_cycles
            wanted = command | machine.sizes(command) | (machine.walk(command) if command.get("patches") else {})
            assert {name: getattr(job, name) for name in wanted} == wanted
            machine.accept(command)
            previous = command
    of_features = {CommandError.SEED, CommandError.OUTPUT_TOO_WIDE, CommandError.RESULTS_WAIT}
    impossible = set() if config.features else of_features
    assert {code for code, count in outcomes.items() if not count} == impossible


@pytest.mark.cocotb
@pytest.mark.parametrize("name", CONFIGS)
def test_decoder(name):
    config = CONFIGS[name]
    assert simulate(CommandDecoder(config), "tests.core.test_decoder", {"config": config.to_dict()}) == 1
