"""Marks what runs under cocotb, and sums it up at the end."""

import os
from dataclasses import asdict

# Threads of linear algebra that wait for the next small matrix would take the other worker's core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from tests import bench


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if getattr(item, "module", None) and getattr(item.module, "simulate", None) is bench.simulate:
            item.add_marker("cocotb")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call":
        report.user_properties += [("cocotb", asdict(run)) for run in bench.runs]
        bench.runs.clear()
    return report


def pytest_terminal_summary(terminalreporter):
    """A line per component and configuration, with the reports of all processes."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    runs = [value for report in reports for name, value in getattr(report, "user_properties", ()) if name == "cocotb"]
    if not runs:
        return
    terminalreporter.section("cocotb")
    write = terminalreporter.write_line
    write(f"{'passed':>9}  {'build':>7}  {'run':>7}  simulator  component")
    for run in sorted(runs, key=lambda run: run["component"]):
        good = run["passed"] == run["total"] > 0
        build = f"{run['build_seconds']:5.1f} s" if run["build_seconds"] else "cached"
        write(
            f"{run['passed']:>4} of {run['total']:<2}  {build:>7}  {run['run_seconds']:5.1f} s  {run['simulator']:<9}  "
            f"{run['component']}",
            **({} if good else {"red": True}),
        )
    passed, total = (sum(run[name] for run in runs) for name in ("passed", "total"))
    write(f"{passed:>4} of {total} cocotb tests passed on {len({run['component'] for run in runs})} components")
