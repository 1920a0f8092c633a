"""Soak itself: a device that lies is found, its lie made small and written as a test; on true machines nothing is."""

import json
import runpy
from dataclasses import replace

import numpy as np
import pytest

from hw.config import FEATURES, CoreConfig
from tests.bus.test_axi_core import FULL
from tests.core.whole.test_features import CONFIG as FEATURES_CORE
from tests.soak import links
from tests.soak.__main__ import main
from tests.soak.case import LINKS, Case, Work, random_case, random_config
from tests.soak.links import different_bits
from tests.soak.reduce import reduced, write_test
from tests.soak.run import soak
from tests.soak.schedule import Schedule

SMALL = CoreConfig(
    mantissa_widths=(4, 6), rounding_modes=("nearest", "stochastic"), block_size=4, tile_rows=1, tile_columns=2, lanes=4,
    panel_columns=4, operand_depth=8, queue_depth=2, features=FEATURES, datapath="behavioral",
)  # fmt: skip


class Liar:
    """A core with golden's results, in which one bit flips if a product is large enough and has a bias."""

    def __init__(self, config, quick=False):
        self.config = config

    def reset(self):
        """Nothing is held between schedules."""

    def run(self, products, rates, limit):
        """Golden's results, except for the lie."""
        results = list(self.wanted)
        for i, (product, result) in enumerate(zip(products, results, strict=True)):
            if isinstance(result, np.ndarray) and product.b.shape[1] >= 2 and product.a.shape[0] >= 3:
                results[i] = result.copy()
                results[i].view(np.uint32)[2, 1] ^= 1 << 7
        return results, 0


@pytest.fixture
def lying(monkeypatch):
    """Cores lie; what is right they have from the plan of their schedule."""
    plan = Schedule.plan

    def planned(self, works):
        products, wanted = plan(self, works)
        Liar.wanted = wanted
        return products, wanted

    monkeypatch.setattr(Schedule, "plan", planned)
    monkeypatch.setattr(links, "RtlCore", Liar)


def test_a_lie_is_found_made_small_and_written(lying, tmp_path):
    said = []
    summary = soak(3, 1, links=("core",), into=tmp_path, say=said.append)
    assert summary.bits > 0
    (path,) = summary.failures
    case = Case.from_dict(runpy.run_path(path)["CASE"])
    assert [(w.rows, w.columns, w.inner) for w in case.works] == [(3, 2, 1)]
    work = case.works[0]
    assert work == Work(rows=3, columns=2, seed=work.seed)
    assert (case.stalls, case.config.features, case.config.accumulator) == (0, (), "fp32")
    assert "bits differ from golden" in said[0]
    test = runpy.run_path(path)["test_case"]
    with pytest.raises(AssertionError, match=r"^command 0: 1 bits differ from golden"):
        test()


def test_a_run_ends_with_its_summary(lying, tmp_path, capsys):
    assert main(["--seed", "3", "--link", "core", "--into", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "seed 3"
    record = json.loads("\n".join(lines[lines.index("{") : lines.index("}") + 1]))
    assert record["different_bits"] > 0
    assert lines[-1] == f"failed; run: pytest {record['failures'][0]}"
    assert [str(path) for path in tmp_path.iterdir()] == record["failures"]


def test_ctrl_c_ends_a_run_cleanly(lying, monkeypatch, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tests.soak.run.random_case", interrupt)
    summary = soak(3, 1, links=("core",), into=tmp_path)
    assert (sum(summary.products.values()), summary.failures) == (0, [])


def test_the_same_seed_gives_the_same_cases():
    def cases():
        rng = np.random.default_rng(9)
        configs = [random_config(rng) for _ in range(6)]
        return [random_case(config, link, rng).to_dict() for config, link in zip(configs, LINKS * 2, strict=True)]

    first = cases()
    assert first == cases()
    assert [Case.from_dict(json.loads(json.dumps(case))).to_dict() for case in first] == first


def test_reduction_keeps_what_matters():
    """A failure that needs the second of three works, of at least five rows, and stalls."""

    def fails(case):
        return bool(case.stalls) and any(w.rows >= 5 and w.numbers == "ties" for w in case.works)

    works = (Work(9, 9, 9), Work(40, 17, 3, "ties", bias=True, fault="cut"), Work(2, 2, 2))
    config = replace(SMALL, interleave=4)
    smallest, tried = reduced(Case(config, "axi", works, stalls=7), fails, 60)
    assert smallest.works == (Work(rows=5, numbers="ties"),)
    assert smallest.stalls == 7
    assert (smallest.config.interleave, smallest.config.features) == (1, ())
    assert tried < 200


def test_files_are_tests(tmp_path):
    case = Case(SMALL, "core", (Work(3, 4, 5), Work(seed=1 << 30)), 12)
    path = write_test(case, "something", 4, tmp_path)
    found = runpy.run_path(str(path))
    assert Case.from_dict(found["CASE"]) == case
    assert found["__doc__"] == "Found by soak from seed 4: something."


@pytest.mark.parametrize(
    ("actual", "wanted", "bits"),
    [
        (np.ones(3, np.float32), np.ones(3, np.float32), 0), (np.array([0.0], "f4"), np.array([-0.0], "f4"), 1),
        (b"\x01\x02", b"\x01\x03", 1), (b"\x01", b"\x01\x03", 8), (None, None, 0), (None, b"", 1),
    ],
)  # fmt: skip
def test_different_bits(actual, wanted, bits):
    assert different_bits(actual, wanted) == bits


@pytest.mark.parametrize("link", LINKS)
def test_true_machines_equal_golden(link):
    """Some cases on each link, faults and stalls among them."""
    rng = np.random.default_rng(5)
    config = {"core": FEATURES_CORE, "axi": FULL, "serial": SMALL}[link]  # compiled for other tests, too, but the last
    machine = links.MACHINES[link](config)
    outcomes = []
    try:
        for _ in range({"core": 40, "axi": 10, "serial": 2}[link]):
            outcomes.append(machine.run(random_case(config, link, rng, faults=0.8)))
    finally:
        machine.close()
    assert [outcome.text for outcome in outcomes if outcome.failure] == []
    assert sum(outcome.products for outcome in outcomes) > len(outcomes)
    if link != "core":
        assert sum(sum(outcome.faults.values()) for outcome in outcomes)


def test_a_schedule_uses_what_is_held():
    """Works of every kind meet: operands again, a C to start from, results that stay."""
    rng = np.random.default_rng(1)
    seen = {}
    for _ in range(60):
        case = random_case(SMALL, "core", rng)
        for product in Schedule(SMALL).plan(case.works)[0]:
            for name in ("load_a", "load_b", "accumulate", "store", "format_a", "output", "bias"):
                seen.setdefault(name, set()).add(int(product.fields[name]))
    assert {len(values) for name, values in seen.items() if name not in ("format_a", "output")} == {2}
    assert seen["format_a"] == seen["output"] == {0, 1, 2, 3}


@pytest.mark.parametrize("inner", [1, 4, 5, 9, 13, 17, 100])
def test_commands_fit_a_machine_that_joins_blocks(inner):
    config = CoreConfig(
        block_size=4, tile_rows=1, tile_columns=2, lanes=4, panel_columns=4, operand_depth=8, accumulator="fp32x2",
        datapath="behavioral",
    )  # fmt: skip
    (product,), _ = Schedule(config).plan((Work(rows=99, inner=inner, columns=99),))
    (rows, taken), columns = product.a.shape, product.b.shape[1]
    assert taken == min(inner, config.operand_groups * config.group_size)
    assert rows == columns // 2 == config.operand_groups // config.groups(taken)
