"""One job is issued while the next one waits: its operands, its start, and the halves given back."""

from amaranth.hdl import Module
from amaranth.sim import Simulator

from hw.config import CoreConfig
from hw.core.sequencer import Sequencer
from hw.sequence.jobs import Jobs
from hw.sequence.layouts import product_layout

CONFIG = CoreConfig(block_size=4, tile_rows=1, tile_columns=1, mesh_rows=3)
SHOWN = ("waiting", "active", "stalled_load", "finished", "take_a", "take_b", "retire_a", "retire_b")


def run(vectors: list[dict]) -> list[dict]:
    """What the sequencer's ports show in each cycle; ``job`` offers one, ``ends`` ends the one that is issued."""
    m, ports = Module(), Sequencer(CONFIG, 5)
    jobs, shown = Jobs(m, ports), []

    async def bench(ctx):
        for vector in vectors:
            job = vector.get("job")
            ctx.set(ports.i.valid, job is not None)
            ctx.set(ports.i.payload, product_layout(CONFIG).const(job or {}))
            ctx.set(ports.full_a, vector.get("full", "ab").count("a"))
            ctx.set(ports.full_b, vector.get("full", "ab").count("b"))
            ctx.set(jobs.last_issue, vector.get("ends", 0))
            await ctx.delay(1e-9)
            state = {name: ctx.get(getattr(ports, name)) for name in SHOWN}
            state |= {"ready": ctx.get(ports.i.ready), "accept": ctx.get(jobs.accept), "rows": ctx.get(jobs.job.rows)}
            state |= {f"half_{name}": ctx.get(half) for name, half in jobs.halves.items()}
            state |= {"single_block": ctx.get(jobs.single_block), "single_tile": ctx.get(jobs.single_tile)}
            shown.append(state)
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return shown


def job(rows: int, **fields: int) -> dict:
    return {"rows": rows, "blocks": 2, "column_groups": 2, "load_a": 1, "load_b": 1, "store": 1} | fields


def column(shown: list[dict], name: str) -> list[int]:
    return [state[name] for state in shown]


def test_a_job_waits_for_its_operands():
    """It is taken at once, and begins in the cycle in which both halves are full; until then it stalls."""
    shown = run([{"job": job(7)}, {"full": ""}, {"full": "a"}, {"full": "ab"}, {}])
    assert column(shown, "ready")[0] == 1
    assert column(shown, "waiting") == [0, 1, 1, 1, 0]
    assert column(shown, "stalled_load") == [0, 1, 1, 0, 0]
    assert column(shown, "accept") == column(shown, "take_a") == column(shown, "take_b") == [0, 0, 0, 1, 0]
    assert column(shown, "active") == [0, 0, 0, 0, 1]
    assert shown[-1]["rows"] == 7


def test_what_is_loaded_already_is_not_waited_for():
    shown = run([{"job": job(1, load_a=0, load_b=0)}, {"full": ""}, {"full": ""}])
    assert column(shown, "accept") == [0, 1, 0]
    assert column(shown, "take_a") == column(shown, "take_b") == [0, 0, 0]


def test_the_next_job_follows_without_a_gap():
    """It waits while the first is issued, and begins in the cycle of that one's last issue."""
    third = {"job": job(3)}
    shown = run([{"job": job(1)}, {"job": job(2)}, third, third, third | {"ends": 1}, {}, {"ends": 1}, {}])
    assert column(shown, "accept") == [0, 1, 0, 0, 1, 0, 1, 0]
    assert column(shown, "ready") == [1, 1, 0, 0, 1, 0, 1, 1]
    assert column(shown, "rows") == [0, 0, 1, 1, 1, 2, 2, 3]
    assert column(shown, "active") == [0, 0, 1, 1, 1, 1, 1, 1]
    assert column(shown, "stalled_load") == [0] * 8


def test_a_late_operand_leaves_a_gap():
    shown = run([{"job": job(1)}, {"job": job(2)}, {"ends": 1, "full": "b"}, {"full": "b"}, {}, {}])
    assert column(shown, "active") == [0, 0, 1, 0, 0, 1]
    assert column(shown, "stalled_load") == [0, 0, 1, 1, 0, 0]


def test_halves_alternate_and_come_back_after_their_last_reads():
    """The first take frees nothing; each later one frees the half before it, ``retire_cycles`` later."""
    cycles = Sequencer(CONFIG, 5).retire_cycles
    assert cycles == 3
    vectors = [{"job": job(1)}, {"job": job(2)}, *[{}] * 5, {"ends": 1}, *[{}] * (cycles + 2)]
    shown = run(vectors)
    takes = [n for n, take in enumerate(column(shown, "take_a")) if take]
    assert takes == [1, 7]
    assert [n for n, retire in enumerate(column(shown, "retire_a")) if retire] == [7 + cycles]
    half = column(shown, "half_a")
    assert half[0] == half[1] == 1
    assert half[2] == half[7] == 0
    assert half[8] == 1


def test_finished_is_for_products_that_stay():
    """One that stores is finished when its last beat has left, which others tell."""
    shown = run([{"job": job(1, store=0)}, {"job": job(2)}, {"ends": 1}, {"ends": 1}, {}])
    assert column(shown, "finished") == [0, 0, 1, 0, 0]


def test_single_loops_are_known_with_the_job():
    shown = run([{"job": job(1, blocks=1)}, {"job": job(2, column_groups=1)}, {}, {}])
    assert column(shown, "single_block")[1:3] == [1, 0]
    assert column(shown, "single_tile")[1:3] == [0, 1]
