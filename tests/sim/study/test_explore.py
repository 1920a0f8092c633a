import pytest

from sim import sweep
from sim.study.explore import evaluate, grid
from tests.sim.messages import rejects


def test_grid_is_every_combination_in_order():
    assert grid(mesh=["1x1", "2x2"], block=[32, 64], schedule="booster") == [
        {"mesh": mesh, "block": block, "schedule": "booster"} for mesh in ("1x1", "2x2") for block in (32, 64)
    ]


def test_points_name_all_parts_of_a_machine():
    point = {
        "mesh": "2x3",
        "tile": (1, 2),
        "block": 32,
        "dot": 16,
        "schedule": "booster",
        "batch": 8,
        "bytes_per_cycle": 12.5,
        "results": "bf16",
        "data": 2,
        "link": 4,
        "link_latency": 7,
        "clock_mhz": 250,
        "training": True,
        "epochs": 2,
        "sequence": None,
    }
    result = evaluate("resnet20", point)
    assert (result.config.rows, result.config.columns, result.config.dot, result.config.block_size) == (2, 6, 16, 32)
    assert result.config.mantissa_widths == (4, 6)
    assert (result.memory.bytes_per_cycle, result.memory.results) == (12.5, "bf16")
    assert (result.cluster.data, result.cluster.link.latency_cycles) == (2, 7)
    assert result.workload.batch == 8
    assert result.run.epochs == 2
    assert result.summary()["seconds"] == result.cycles / 250e6


def test_records_hold_parameters_and_results():
    records = sweep("resnet20", mesh=["1x1", "2x2"], dot=[16, 64], schedule="booster", training=True)
    assert [(record["mesh"], record["dot"]) for record in records] == [
        ("1x1", 16),
        ("1x1", 64),
        ("2x2", 16),
        ("2x2", 64),
    ]
    assert all(record["cycles"] > 0 and record["mode"] == "training step" for record in records)


def test_impossible_machines_say_why():
    records = sweep("resnet20", dot=[5, 64])
    assert records[0] == {"dot": 5, "error": "dot must divide block_size 64, not be 5"}
    assert "error" not in records[1]


def test_a_sweep_without_any_possible_machine_is_an_error():
    with rejects(ValueError, "dot must divide block_size 64, not be 5"):
        sweep("resnet20", dot=[5, 7])


def test_processes_give_the_same_records():
    axes = {"mesh": ["1x1", "2x2", "4x4"], "block": [16, 32, 64], "schedule": ["all-4", "booster"]}
    assert sweep("resnet20", workers=2, **axes) == sweep("resnet20", **axes)


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"mesh": "4"}, "mesh must be ROWSxCOLUMNS, not 4"),
        ({"tile": "axb"}, "tile must be ROWSxCOLUMNS, not axb"),
        ({"colour": 1}, "resnet20 has no option colour; it has batch, classes, image, shortcut"),
    ],
)
def test_rejects(point, message):
    with rejects(ValueError, message):
        evaluate("resnet20", point)


def test_rejects_points_and_axes():
    with rejects(ValueError, "points and axes exclude each other; the axes given are dot"):
        sweep("resnet20", [{"dot": 4}], dot=[4])


def test_rejects_an_unknown_workload_before_the_work():
    with pytest.raises(ValueError, match=r"^workload must be one of .*, not resnet21$"):
        sweep("resnet21", dot=[64] * 1000)


def test_dask_scheduler():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        axes = {"mesh": ["1x1", "2x2"], "block": [32, 64]}
        assert sweep("resnet20", scheduler=cluster.scheduler_address, **axes) == sweep("resnet20", **axes)
