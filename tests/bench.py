"""One function that runs a cocotb module on an emitted component, with cached builds, on either simulator."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from cocotb_tools.runner import Verilator, get_results, get_runner

from hw.emit import emit_verilog
from sim import verilator

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "tests"
PARAMETERS = "HBFP_BENCH_PARAMETERS"


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


class VerilatorPorts(Verilator):
    """The runner with only the ports accessible: a bench needs no more, and the model compiles and runs faster."""

    def _build_command(self):
        for command in (commands := super()._build_command()):
            if "--public-flat-rw" in command:
                place = command.index("--public-flat-rw")
                command[place : place + 1] = ["--public-depth", "1"]
        return commands


@contextlib.contextmanager
def _locked(folder: Path):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def simulate(component, test_module: str, values: dict | None = None, *, testcase: str | None = None) -> int:
    """Emit ``component``, build it (once per content) and run the cocotb tests of ``test_module`` on it.

    ``values`` (JSON-ready) reach the bench through ``parameters()``. Returns the number of cocotb tests that passed.
    With ``WAVES=1`` waveforms are left in the build folder.
    """
    tool = simulator()
    waves = os.environ.get("WAVES", "0") == "1"
    text = emit_verilog(component)
    top = component.module_name
    key = hashlib.sha256(f"{tool} {waves} {text}".encode()).hexdigest()[:16]
    folder = BUILD / f"{top}-{tool}-{key}"
    if tool == "verilator":
        verilator.activate()
        build_args = ["--no-timing", "-O3", "-Wno-fatal", *verilator.QUICK_BUILD_FLAGS]
        if waves:
            build_args += ["--trace", "--trace-structs"]
    else:
        build_args = ["-g2005"]
    runner = VerilatorPorts() if tool == "verilator" else get_runner(tool)
    source = folder / f"{top}.v"
    with _locked(folder):
        done = folder / "built"
        if not done.exists():
            source.write_text(text)
            runner.build(
                sources=[source], hdl_toplevel=top, build_dir=folder, build_args=build_args, waves=waves,
                timescale=("1ns", "1ps"), always=True, log_file=folder / "build.log",
            )
            done.touch()
    runs = folder / "runs"
    runs.mkdir(exist_ok=True)
    run = hashlib.sha256(f"{test_module} {testcase} {json.dumps(values)}".encode()).hexdigest()[:12]
    results = runs / f"{run}.xml"
    with contextlib.suppress(SystemExit):  # the runner's way to say that a test failed
        runner.test(
            hdl_toplevel=top, hdl_toplevel_lang="verilog", test_module=test_module, testcase=testcase,
            build_dir=folder, test_dir=runs, waves=waves,
            results_xml=str(results), log_file=runs / f"{run}.log", timescale=("1ns", "1ps"),
            extra_env={
                PARAMETERS: json.dumps(values or {}),
                "PYTHONPATH": str(ROOT),
                "VERILATOR_ROOT": os.environ.get("VERILATOR_ROOT", ""),
                "COCOTB_ANSI_OUTPUT": "0",
            },
        )
    total, failed = get_results(results)
    if failed or not total:
        tail = "\n".join((runs / f"{run}.log").read_text(errors="replace").splitlines()[-60:])
        pytest.fail(f"{failed} of {total} cocotb tests failed on {top}; log: {runs / f'{run}.log'}\n{tail}")
    return total
