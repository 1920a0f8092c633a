"""The model against itself: short cuts change nothing."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from hw.accumulate.bfloat16_packer import Bfloat16Packer
from hw.accumulate.result_finisher import ResultFinisher
from hw.array.mesh import Mesh
from hw.command import OperandFormat, OutputFormat
from hw.core.decoder import CommandDecoder
from hw.core.loader import Loader
from hw.core.operand_buffer import OperandBuffer
from hw.core.requantizer import Requantizer
from hw.core.sequencer import Sequencer
from hw.quantize.block_packer import BlockPacker
from hw.quantize.block_quantizer import BlockQuantizer
from hw.timing import Timing
from sim.model import CoreModel, Rates
from sim.network.plan import Command, Loop, commands, plan
from tests.sim.command_sequences import Sequence, random_rates
from tests.sim.machines import MACHINES


@pytest.mark.parametrize("seed", range(100))
def test_repetition_is_worked_out_only_once(seed):
    """Products and loops of random commands, on any machine, at any rates."""
    rng = np.random.default_rng(seed)
    config = list(MACHINES.values())[seed % len(MACHINES)]
    m, k, n = (int(2 ** rng.uniform(0, 8)) for _ in range(3))
    widths = [int(rng.choice(config.mantissa_widths)) for _ in "ab"]
    sequence = Sequence(config, rng)
    first = sequence.commands(3)
    body = tuple(command._replace(load_a=True, load_b=True, accumulate=False) for command in first)
    items = (*plan(config, m, k, n, *widths), Loop(int(rng.integers(1, 60)), body), *first)
    rates = random_rates(rng)
    quick, slow = CoreModel(config, rates), CoreModel(config, rates, jump=False)
    assert quick.run(items) == slow.run(commands(items))
    assert quick.counters == slow.counters
    assert quick.causes == slow.causes
    assert sum(quick.causes.values()) == quick.cycles
    assert min(quick.causes.values()) >= 0


@pytest.mark.parametrize("seed", range(30))
def test_repetition_ends_the_same_where_operands_are_held(seed):
    """Loops of random commands, rates that change between them, and a first command of each that waits for results before."""
    rng = np.random.default_rng([seed, 1])
    config = list(MACHINES.values())[seed % len(MACHINES)]
    body = tuple(command._replace(load_a=True, load_b=True, accumulate=False) for command in Sequence(config, rng).commands(3))
    items = [Loop(int(rng.integers(1, 30)), body) for _ in range(5)]
    waits = [[int(rng.integers(-1, number)) + 1 if number else 0 for _ in "ab"] for number in range(len(items))]
    rates = [random_rates(rng) for _ in items]
    rates = [replace(one, operands=one.a if seed % 2 else None) for one in rates]

    def network(model: CoreModel):
        left = [-1]
        for item, rate, (a, b) in zip(items, rates, waits, strict=True):
            if model.left >= 0:
                model.deal(rate)
            model.hold(left[a], left[b])
            yield from (item,) if model.jump else commands((item,))
            left.append(model.left)

    quick, slow = (CoreModel(config, rates[0], jump=jump, latency=3) for jump in (True, False))
    assert quick.run(network(quick)) == slow.run(network(slow))
    assert (quick.counters, quick.left) == (slow.counters, slow.left)


def test_held_operands_come_when_results_are_back():
    """A, then both, of the second command; what is sent ahead is there, and a latency counts from the last beat of C on."""
    command, starts = Command(8, 64, 8, 8, 8), {}
    for held in ((), "a", "ab"):
        for latency in (0, 25):
            done = []
            model = CoreModel(MACHINES["mesh"], Rates(c=Fraction(1, 9)), jump=False, observe=done.append, latency=latency)

            def two(model=model, held=held):
                yield command
                model.hold(**dict.fromkeys(held, model.left))
                yield command

            model.run(two())
            first, second = done
            starts["".join(held), latency] = second.load_b.full - first.store[1], second.load_a.full - first.store[1]
    alone = CoreModel(MACHINES["mesh"], jump=False, observe=(done := []).append)
    alone.run([command])
    load = done[0].load_a.full - done[0].load_a.start - 1
    assert starts["", 0] == starts["", 25] < (0, 0)
    assert starts["a", 0] == (starts["", 0][0], load)
    assert starts["a", 25] == (starts["", 0][0], load + 25)
    assert starts["ab", 0] == (load, load)


def test_rates_within_a_run_are_all_of_one_kind():
    model = CoreModel(MACHINES["mesh"])
    with pytest.raises(ValueError, match=r"^rates within a run must all have one port for both operands, or all two$"):
        model.deal(Rates(operands=Fraction(1, 2)))


def test_causes_are_what_was_made_slow():
    """One stream at a time."""
    config, command, slow = MACHINES["sides"], Command(40, 16, 40, 4, 4), Fraction(1, 50)
    body = [command] * 5
    for name, rates in (("A", Rates(a=slow)), ("B", Rates(b=slow)), ("output", Rates(c=slow))):
        model = CoreModel(config, rates)
        model.run(body)
        assert max(model.causes, key=model.causes.__getitem__) == name
    model = CoreModel(config)
    model.run([Command(80, 16, 4, 4, 4), *[Command(80, 16, 4, 4, 4, load_a=False, load_b=False)] * 9])
    assert model.causes["drain"] > 2 * model.causes["steps"]


def test_the_first_panel_of_a_result_is_no_repetition():
    """It waits for the result before to have passed the port; those after it do not."""
    config = MACHINES["features"]
    rates = Rates(c=Fraction(1, 7))
    quick, slow = CoreModel(config, rates), CoreModel(config, rates, jump=False)
    command = Command(24, 68, 24, 6, 4)
    assert quick.run([command] * 3) == slow.run([command] * 3)
    assert quick.counters == slow.counters


BLOCKS = [name for name, config in MACHINES.items() if "requantize" in config.features]


@pytest.mark.parametrize("name", BLOCKS)
def test_whole_blocks_at_open_ports_need_no_events(name):
    """The closed form for C in blocks says what its beats one by one say, the first and the last at the port included."""
    config = MACHINES[name]
    for rows in (1, 2, 5, config.output_rows, 3 * config.output_rows + 1):
        for columns in range(config.block_size, 3 * config.panel_columns + 1, config.block_size):
            width = config.mantissa_widths[(rows + columns) % len(config.mantissa_widths)]
            command = Command(rows, 9, columns, width, width, output=OutputFormat.PACKED, width_c=width)
            command = command._replace(bias="bias" in config.features)
            progress = {jump: [] for jump in (True, False)}
            models = [CoreModel(config, jump=jump, observe=steps.append) for jump, steps in progress.items()]
            assert len({model.run([command] * 2) for model in models}) == 1
            assert models[0].counters == models[1].counters
            assert progress[True] == progress[False]


def test_stripes_of_ragged_blocks_are_worked_out_once():
    """Their beats come to the port in phases that recur far later than panels do; other rates are another thing."""
    config = MACHINES["features"]
    kinds = [{"width_c": 4}, {"width_c": 6}, {"width_c": 4, "bias": True}, {"width_c": 6, "bias": True}]
    body = [Command(40, 9, 68, 4, 4, output=OutputFormat.PACKED, **kinds[i * i // 3 % 4]) for i in range(24)]
    quick, slow = CoreModel(config), CoreModel(config, jump=False)
    worked_out, work = [], quick.sequencer._work
    quick.sequencer._work = lambda *stripe: worked_out.append(stripe) or work(*stripe)
    for c in (Fraction(1, 6), Fraction(1, 3)):
        worked_out.clear()
        for model in (quick, slow):
            model.set_rates(Rates(c=c, bias=c / 8))
        assert quick.run(body) == slow.run(body)
        assert quick.counters == slow.counters
        assert len(worked_out) < 24 * 20 / 2


def test_stripes_of_results_in_blocks_of_another_width_are_worked_out_anew():
    """From the same state they take another time."""
    wide = Command(86, 24, 29, 4, 4, output=OutputFormat.PACKED, width_c=6)
    body = [wide._replace(width_c=width) for width in (6, 6, 6, 4, 4, 6, 4, 6, 6, 4)]
    quick, slow = (CoreModel(MACHINES["features"], Rates(c=Fraction(1, 2)), jump=jump) for jump in (True, False))
    assert quick.run(body) == slow.run(body)
    assert quick.counters == slow.counters


def test_a_last_panel_of_less_than_a_block_waits_for_the_blocks_before():
    """Panels of 32 and then 6 columns, in blocks of 16; ``tests.sim.test_exact`` holds the machine to the compiled core."""
    for columns in (64, 70):
        command = Command(4, 14, columns, 4, 4, output=OutputFormat.PACKED, width_c=6)
        cycles = [CoreModel(MACHINES["features"], jump=jump).run([command] * 3) for jump in (True, False)]
        assert cycles[0] == cycles[1]


def test_results_that_stay_may_be_a_loop():
    """Each command's C is the next one's A, many times over."""
    config = MACHINES["features"]
    link = Command(20, 24, 24, 4, 6, format_a=OperandFormat.RESULTS, output=OutputFormat.RESULTS, width_c=4, bias=True)
    first, last = link._replace(format_a=OperandFormat.FP32), link._replace(output=OutputFormat.PACKED, load_b=False)
    for rates in (Rates(), Rates(b=Fraction(1, 3), c=Fraction(2, 9), bias=Fraction(1, 4))):
        quick, slow = CoreModel(config, rates), CoreModel(config, rates, jump=False)
        items = [first, Loop(150, (link,)), last, first, link, last]
        assert quick.run(items) == slow.run(commands(items))
        assert quick.counters == slow.counters


@pytest.mark.parametrize("forms", [{"output": OutputFormat.RESULTS}, {"format_a": OperandFormat.RESULTS}])
def test_results_that_stay_need_a_command_that_takes_them(forms):
    command = Command(20, 24, 24, 4, 6)
    with pytest.raises(ValueError, match=r"^a command takes A from the results before if, and only if, "):
        CoreModel(MACHINES["features"]).run([command._replace(**forms), command])
    with pytest.raises(ValueError, match=r"^the last command leaves its results in the core, "):
        CoreModel(MACHINES["features"]).run([command._replace(output=OutputFormat.RESULTS)])


def test_the_time_of_a_product_hardly_depends_on_its_size():
    """Of more than 200 000 commands few hundred are worked out."""
    config = MACHINES["tile"]
    model = CoreModel(config)
    steps = []
    step = model.step
    model.step = lambda command: steps.append(command) or step(command)
    model.run(plan(config, 20_000, 64, 10_000, 6, 6))
    assert len(list(commands(plan(config, 20_000, 64, 10_000, 6, 6)))) > 200_000
    assert len(steps) < 500
    assert model.counters["busy"] == -(-20_000 // config.rows) * (10_000 // config.columns) * 2


def test_runs_go_on_where_others_ended():
    config = MACHINES["mesh"]
    command = Command(12, 40, 9, 8, 8)
    apart, together = CoreModel(config), CoreModel(config)
    assert apart.run([command]) + apart.run([command]) > together.run([command, command])
    assert apart.cycles == apart.counters["cycles"]
    assert CoreModel(config, Rates(c=Fraction(1, 5))).run([command]) > CoreModel(config).run([command])
    assert CoreModel(config).run([]) == 0


@pytest.mark.parametrize("config", [MACHINES["mesh"], MACHINES["ragged"]])
def test_components_say_the_same(config):
    timing, mesh = Timing(config), Mesh(config)
    sequencer = Sequencer(config, mesh.drain_cycles)
    assert (mesh.result_cycles, mesh.drain_cycles) == (timing.result_cycles, timing.drain_cycles)
    assert (sequencer.least_slots, sequencer.retire_cycles) == (timing.least_slots, timing.retire_cycles)
    assert (CommandDecoder(config).decode_cycles, Loader.full_cycles) == (timing.decode_cycles, timing.full_cycles)
    assert BlockQuantizer(config).latency_cycles == timing.quantizer_cycles
    assert OperandBuffer(config, 1, 1).read_cycles == timing.read_cycles


def test_output_components_say_the_same():
    config = MACHINES["features"]
    timing = Timing(config)
    assert ResultFinisher(1).latency_cycles == timing.finisher_cycles
    assert Bfloat16Packer(1).latency_cycles == timing.packer_cycles
    assert Requantizer(config).gather_cycles == timing.requantizer_cycles
    assert BlockPacker(config, 2).latency_cycles == timing.block_packer_cycles
