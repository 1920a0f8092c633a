"""One function that runs a cocotb module on an emitted component, with cached builds, on either simulator."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from cocotb_tools.runner import Verilator, get_results, get_runner

from hw.emit import emit_verilog
from sim.rtl import verilator

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "tests"
PARAMETERS = "HBFP_BENCH_PARAMETERS"


@dataclass
class Run:
    """One call of ``simulate``: cocotb tests passed, of how many, and seconds (0 for a build that was there)."""

    component: str
    simulator: str
    passed: int = 0
    total: int = 0
    build_seconds: float = 0.0
    run_seconds: float = 0.0


runs: list[Run] = []
"""Runs of this process, for the summary."""


def simulator() -> str:
    """The simulator asked for by the environment variable ``SIM``: verilator (default) or icarus."""
    name = os.environ.get("SIM", "verilator")
    if name not in ("verilator", "icarus"):
        raise ValueError(f"SIM must be verilator or icarus, not {name}")
    if name == "icarus" and shutil.which("iverilog") is None:
        pytest.skip("Icarus is not installed")
    return name


def parameters() -> dict:
    """Inside a bench: the values ``simulate`` was given."""
    return json.loads(os.environ[PARAMETERS])


class QuickVerilator(Verilator):
    """The runner for many small builds and short runs: only the ports are accessible, the C++ compiler does not optimize."""

    def _build_command(self):
        verilate, make = super()._build_command()
        place = verilate.index("--public-flat-rw")
        verilate[place : place + 1] = ["--public-depth", "1"]
        return [verilate, *self._runtime.copying(self.build_dir), *self._runtime.building(make, "-O0")]

    @property
    def _runtime(self) -> verilator.RuntimeObjects:
        return verilator.RuntimeObjects(BUILD, f"cocotb{' waves' * self.waves}")

    def build(self, **options):
        super().build(**options)
        self._runtime.keep(Path(self.build_dir))


@contextlib.contextmanager
def _locked(folder: Path):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def simulate(component, test_module: str, values: dict | None = None, *, testcase: str | None = None) -> int:
    """Emit ``component``, build it (once per content) and run the cocotb tests of ``test_module`` on it.

    ``values`` (JSON-ready) reach the bench through ``parameters()``. Returns the number of cocotb tests that passed.
    With ``WAVES=1`` waveforms are left in the folder ``runs`` of the build.
    """
    tool = simulator()
    waves = os.environ.get("WAVES", "0") == "1"
    text = emit_verilog(component)
    top = component.module_name
    key = hashlib.sha256(f"{tool} {waves} {text}".encode()).hexdigest()[:16]
    folder = BUILD / f"{top}-{tool}-{key}"
    if tool == "verilator":
        verilator.activate()
        build_args = ["--no-timing", "-O3", "-Wno-fatal", *verilator.BUILD_FLAGS]
        if waves:
            build_args += ["--trace", "--trace-structs"]
    else:
        build_args = [] if waves else ["-g2005"]  # the runner's part that writes waveforms is newer than that
    runner = QuickVerilator() if tool == "verilator" else get_runner(tool)
    source = folder / f"{top}.v"
    summary = Run(top, tool)
    runs.append(summary)
    start = time.monotonic()
    with _locked(folder):
        done = folder / "built"
        if not done.exists():
            source.write_text(text)
            runner.build(
                sources=[source], hdl_toplevel=top, build_dir=folder, build_args=build_args, waves=waves,
                timescale=("1ns", "1ps"), always=True, log_file=folder / "build.log",
            )
            done.touch()
            summary.build_seconds = time.monotonic() - start
    place = folder / "runs"
    place.mkdir(exist_ok=True)
    run = hashlib.sha256(f"{test_module} {testcase} {json.dumps(values)}".encode()).hexdigest()[:12]
    results = place / f"{run}.xml"
    start = time.monotonic()
    with contextlib.suppress(SystemExit):  # the runner's way to say that a test failed
        runner.test(
            hdl_toplevel=top, hdl_toplevel_lang="verilog", test_module=test_module, testcase=testcase,
            build_dir=folder, test_dir=place, waves=waves,
            results_xml=str(results), log_file=place / f"{run}.log", timescale=("1ns", "1ps"),
            extra_env={
                PARAMETERS: json.dumps(values or {}),
                "PYTHONPATH": str(ROOT),
                "VERILATOR_ROOT": os.environ.get("VERILATOR_ROOT", ""),
                "COCOTB_ANSI_OUTPUT": "0",
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # cocotb asks pytest to explain failed assertions only:
                "COCOTB_REWRITE_ASSERTION_FILES": "tests/*.py",  # those of these files, not of everything imported
            },
        )
    total, failed = get_results(results)
    summary.run_seconds, summary.passed, summary.total = time.monotonic() - start, total - failed, total
    if failed or not total:
        tail = "\n".join((place / f"{run}.log").read_text(errors="replace").splitlines()[-60:])
        pytest.fail(f"{failed} of {total} cocotb tests failed on {top}; log: {place / f'{run}.log'}\n{tail}")
    return total
