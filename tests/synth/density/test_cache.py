"""What was measured is found again, as long as nothing that it depends on has changed."""

from types import SimpleNamespace

import pytest

from hw.baseline.formats import format_named
from hw.config import CoreConfig
from hw.host.tools import ToolError
from synth.density import cache
from synth.mapping.liberty import LibraryError


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree of sources in place of the project's."""
    for name in ("golden/a.py", "golden/layers/b.py", "hw/core/c.py", "hw/bus/d.py", "synth/density/e.py", "synth/mapping/f.py",
                 "synth/report/g.py", "sim/h.py"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("pass\n")
    monkeypatch.setattr(cache, "ROOT", tmp_path)
    return tmp_path


def digest() -> str:
    return cache.sources.__wrapped__()


@pytest.mark.parametrize("name", ["golden/a.py", "golden/layers/b.py", "hw/core/c.py", "synth/density/e.py", "synth/mapping/f.py"])
def test_a_row_depends_on_what_makes_it(name, tree):
    before = digest()
    (tree / name).write_text("changed\n")
    changed = digest()
    assert changed != before
    (tree / name).rename((tree / name).with_name("renamed.py"))
    assert digest() not in (before, changed)


@pytest.mark.parametrize("name", ["hw/bus/d.py", "synth/report/g.py", "sim/h.py", "golden/notes.txt"])
def test_and_on_nothing_else(name, tree):
    before = digest()
    (tree / name).write_text("changed\n")
    assert digest() == before


def test_a_check_is_made_once(tree, monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr(cache, "simulate_unit", lambda form, config, *_: made.append((form.name, config.dot)) or 96)
    form = format_named("hbfp4")

    def check(key="a", dot=8):
        synthesis = SimpleNamespace(key=key)
        return cache.cached_check(form, CoreConfig(block_size=8, dot=dot), synthesis, None, tmp_path / "build")

    assert [check(), check(), check("b"), check("b", 4), check()] == [96] * 5
    assert made == [("hbfp4", 8), ("hbfp4", 8), ("hbfp4", 4)]
    (tree / "golden" / "a.py").write_text("changed\n")
    check()
    assert len(made) == 4


class Mapped:
    """A synthesis of two parts; one is within the other."""

    def __init__(self, top, library, parts):
        self.top, self.parts, self.key, self.netlists = top, parts, f"{top} {sorted(parts)}", {}

    def instances(self):
        return {"unit": 1, "dot": 3}


@pytest.fixture
def synthesis(monkeypatch):
    monkeypatch.setattr(cache, "Synthesis", Mapped)
    parts = {name: SimpleNamespace(cells={"INV": cells}) for name, cells in (("unit", 5), ("dot", 7), ("other", 10**6))}
    return Mapped("tile", "reference", parts)


LIBRARY = SimpleNamespace(name="reference", path="cells.lib")


def test_a_period_is_kept_beside_the_unit(synthesis, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(cache, "sta_version", lambda: None)
    monkeypatch.setattr(cache, "least_period", lambda *_: asked.append(1) or 2.5)
    for _ in range(2):
        assert cache.cached_period(synthesis, LIBRARY, "unit", tmp_path) == (2.5, cache.TIMER)
    assert len(asked) == 1
    (folder,) = (tmp_path / "timing").iterdir()
    assert folder.name.startswith("unit-reference-")


def test_opensta_is_given_what_is_not_too_large(synthesis, monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "sta_version", lambda: "OpenSTA 2")
    monkeypatch.setattr(cache, "flat_verilog", lambda *_: "module unit;")
    monkeypatch.setattr(cache, "static_timing", lambda *_: 3.0)
    monkeypatch.setattr(cache, "least_period", lambda *_: 2.5)
    assert cache.cached_period(synthesis, LIBRARY, "unit", tmp_path) == (3.0, "OpenSTA 2")
    monkeypatch.setattr(cache, "TIMED_CELLS", 25)  # 5 + 3 * 7 is more
    assert cache.cached_period(synthesis, LIBRARY, "unit", tmp_path) == (2.5, cache.TIMER)


@pytest.mark.parametrize("error", [ToolError("OpenSTA reported no path"), LibraryError("the netlist has a combinational loop")])
def test_without_a_period_there_is_a_reason(error, synthesis, monkeypatch, tmp_path):
    def fails(*_):
        raise error

    monkeypatch.setattr(cache, "sta_version", lambda: None)
    monkeypatch.setattr(cache, "least_period", fails)
    assert cache.cached_period(synthesis, LIBRARY, "unit", tmp_path) == (None, str(error))
