"""Compiled libraries: whole or built again, one builder at a time, and one clear error."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from sim.rtl.library import RtlError, cache_folder, compile_library, load_library
from sim.rtl.verilator import RuntimeObjects

SHIM = """
#include "Vcounter.h"
extern "C" int count(int clocks) {
    VerilatedContext context;
    Vcounter model(&context);
    for (int half = 0; half < 2 * clocks; half++) { model.clk = half % 2; model.eval(); }
    return model.value;
}
"""
ROOT = Path(__file__).parents[3]


class Counter(wiring.Component):
    """Counts clocks."""

    module_name = "counter"

    def __init__(self):
        super().__init__({"value": Out(8), "by": In(8, init=1)})

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.value.eq(self.value + 1)
        return m


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder of compiled libraries with Verilator's own objects in it."""
    folder = tmp_path_factory.mktemp("cache")
    for store in cache_folder().glob("runtime-*"):
        shutil.copytree(store, folder / store.name)
    (folder / "counter.cpp").write_text(SHIM)
    return folder


@pytest.fixture
def build(cache, monkeypatch):
    """Arguments of ``load_library`` for the counter."""
    monkeypatch.setenv("HBFP_CACHE", str(cache))
    return Counter(), cache / "counter.cpp", "counter", "counter", (), True


def counts(library) -> bool:
    return library.count(5) == 5 and library.count(7) == 7


def test_one_that_lacks_a_part_is_built_again(build, tmp_path):
    library = compile_library(*build)
    (tmp_path / "part.c").write_text("void missing(void); void count(void) { missing(); }")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(tmp_path / "part.c")], check=True)
    library.with_suffix(".sha256").write_text(hashlib.sha256(library.read_bytes()).hexdigest())
    assert counts(load_library(*build))


def test_objects_that_a_killed_build_left_are_not_used(build):
    library = compile_library(*build)
    objects = library.parent / "objects"
    objects.mkdir(exist_ok=True)
    for name in ("Vcounter__ALL.o", "libVcounter.a", "libverilated.a", "verilated.o"):
        (objects / name).write_bytes(b"\x7fELF")
        os.utime(objects / name, (2**32, 2**32))  # newer than what they are made of
    library.unlink()
    assert counts(load_library(*build))


def test_cut_objects_of_verilators_own_are_not_used(tmp_path):
    runtime = RuntimeObjects(tmp_path, "quick")
    for name in ("verilated", "verilated_threads"):
        (tmp_path / f"{name}.o").write_bytes(name.encode())
    runtime.keep(tmp_path)
    runtime.keep(tmp_path)
    kept = {path.name.split(".")[0]: path for path in runtime.store.iterdir()}
    assert runtime.copying("there") == [["cp", str(kept[name]), f"there/{name}.o"] for name in sorted(kept)]
    kept["verilated"].write_bytes(b"veri")
    assert [command[2] for command in runtime.copying("there")] == ["there/verilated_threads.o"]
    runtime.keep(tmp_path)
    assert len(runtime.copying("there")) == 2


def test_a_link_without_a_part_is_one_clear_error(build, tmp_path):
    shim = tmp_path / "shim.cpp"
    shim.write_text('#include "Vcounter.h"\nvoid missing(); extern "C" void count() { missing(); }')
    component, _, *rest = build
    with pytest.raises(RtlError, match=r"^compiling the counter failed; see .*/build\.log$"):
        load_library(component, shim, *rest)


BOTH = """
import sys, time
from pathlib import Path
from tests.sim.rtl.test_library import Counter, counts
from sim.rtl.library import compile_library, load_library

folder = Path(sys.argv[1])
build = Counter(), folder / "counter.cpp", "counter", sys.argv[2], (), True
(folder / sys.argv[3]).touch()
while len(list(folder.glob("ready*"))) < 2:
    time.sleep(0.01)
assert counts(load_library(*build))
print(compile_library(*build).stat().st_ino)
"""


def test_two_processes_build_once(build, cache):
    compile_library(*build)
    for old in cache.glob("ready*"):
        old.unlink()
    both = [
        subprocess.Popen([sys.executable, "-c", BOTH, str(cache), "twice", f"ready{n}"], cwd=ROOT, stdout=subprocess.PIPE)
        for n in range(2)
    ]
    one, other = (process.communicate(timeout=120)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert one == other
