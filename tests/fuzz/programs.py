"""Every program, and its heavy end replaced: what emits, compiles, maps, places or trains is given, the rest is real."""

import json
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

__all__ = ["PROGRAMS", "Program", "without_heavy_work"]

DOCS = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True)
class Program:
    """A program: its module, words that nearly every line begins with, words beside its parameters in messages.

    A program with a small share is tried less often, because it takes longer.
    """

    module: str
    always: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    share: float = 1.0

    def main(self, arguments: list[str]) -> int:
        """Run it."""
        return import_module(self.module).main(arguments)


PROGRAMS = {
    program.module: program
    for program in (
        Program("hw.generate"),
        Program("hw.bus.cli"),
        Program("hw.board.cli", ("ulx3s",)),
        Program("sim.cli", ("--workload", "resnet20"), ("parameter", "operand", "resnet20", "layer", "machines")),
        Program("hbfp.run.cli", ("net.onnx", "--random", "1"), ("net.onnx",)),
        Program("hbfp.program.cli", ("net.onnx",), ("net.onnx", "MODEL"), share=0.5),
        Program("hbfp.program.disassemble", ("net.hbfp",), ("net.hbfp",), share=0.5),
        Program("hbfp.train.__main__", share=0.3),
        Program("hbfp.train.machine", ("golden", "--steps", "1")),
        Program("synth.__main__", (), ("format", "operands", "command")),
        Program("hbfp.completion"),
        Program("hbfp.reference"),
    )
}


class _Here:
    """A pool of processes without processes."""

    def __init__(self, *_, **__):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, work, *arguments):
        future: Future = Future()
        future.set_result(work(*arguments))
        return future


def _record(point, *_) -> dict:
    """What training a point would give."""
    return asdict(point) | {"diverged": None, "accuracy": [0.5, 0.6], "loss": [1.0, 0.9], "test_loss": [1.0, 0.9], "steps": 2,
                            "health": {}, "cpu_seconds": 0.1}  # fmt: skip


def _plan(board, folder, config=None, clock_hz=None, seed=None):
    from hw.board.build import BuildPlan
    from hw.board.top import BoardTop

    return BuildPlan(board, BoardTop(board, config, clock_hz), folder, {"top.il": ""}, [["yosys", f"--seed={seed}"]])


def _rows(name: str, kind) -> list:
    """Rows of a published results file, as if measured in the library that is always here."""
    rows = json.loads((DOCS / name).read_text())["rows"][:40]
    return [kind.from_dict(row | ({"design": row["design"] | {"library": "reference"}} if "design" in row else {})) for row in rows]


def _plot(folder, *_) -> list[str]:
    return []


def without_heavy_work(patch) -> None:
    """Replace, by ``patch.setattr``, what takes seconds; everything before and behind it stays."""
    from hw.baseline.formats import format_named
    from sim.devices import CycleDevice
    from synth.density.row import Row
    from synth.fpga.implement import Resources

    density, fpga = _rows("density.json", Row), _rows("fpga.json", Resources)

    def sweep(designs, *_, **__):
        for design in designs:
            format_named(design.format)
        return density, []

    patch.setattr("hw.generate.generate", lambda config, unit, prefix: ("// Verilog\n", {"module": prefix + config.name}))
    patch.setattr("hw.emit.emit_verilog", lambda *_: "// Verilog\n")
    patch.setattr("hw.board.build.plan_build", _plan)
    patch.setattr("hw.board.cli._build", lambda *_: None)
    patch.setattr("sim.devices.RtlDevice", CycleDevice)
    patch.setattr("hbfp.train.__main__.ProcessPoolExecutor", _Here)
    patch.setattr("hbfp.train.__main__.as_completed", list)
    patch.setattr("hbfp.train.run.run_point", _record)
    patch.setattr("hbfp.train.journal.Journal.add", lambda *_: None)
    for place in ("density", "report"):
        patch.setattr(f"synth.{place}.cli.sweep", sweep)
    for place in ("energy", "layout"):
        patch.setattr(f"synth.{place}.cli.sweep", lambda *_, **__: ([], []))
    patch.setattr("synth.layout.cli.draw", lambda *_: None)
    patch.setattr("synth.fpga.cli.sweep", lambda *_, **__: (fpga, []))
    patch.setattr("synth.fpga.cli.implement_core", lambda *_: fpga[0])
    patch.setattr("synth.report.document.plot_all", _plot)
    patch.setattr("hbfp.train.machine.train_on", lambda *_: (json.loads((DOCS / "training-rtl.json").read_text()), None))
    patch.setattr("hbfp.train.machine.RtlDevice", CycleDevice)
    patch.setattr("hbfp.train.machine.storage", lambda _: [])
    patch.setattr("hbfp.train.plots.plot_epochs", lambda path, _: path.write_bytes(b"PNG"))
    patch.setattr("hbfp.train.cost.costs", lambda *_: {})
    patch.setattr("hbfp.train.cost.linear", lambda _: {})
    for place in ("energy", "fpga", "layout"):
        patch.setattr(f"synth.{place}.cli.yosys_version", lambda: "Yosys")
