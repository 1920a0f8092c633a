"""The folder of compiled cores: what is cut is built again, what is no folder is refused."""

import shutil

import numpy as np
import pytest

import golden
from hw.config import CoreConfig
from sim.rtl import RtlCore, RtlError, RtlProduct, cache_folder, compile_core

CONFIG = CoreConfig(block_size=4, tile_rows=1, tile_columns=1, lanes=4, operand_depth=4)


def test_a_cut_library_is_built_again(monkeypatch, tmp_path):
    for store in cache_folder().glob("runtime-*"):
        shutil.copytree(store, tmp_path / store.name)
    monkeypatch.setenv("HBFP_CACHE", str(tmp_path))
    library = compile_core(CONFIG, quick=True)
    whole = library.read_bytes()
    library.write_bytes(whole[:1000])
    assert compile_core(CONFIG, quick=True) == library
    assert len(library.read_bytes()) > 1000
    built = library.stat().st_mtime_ns
    assert compile_core(CONFIG, quick=True).stat().st_mtime_ns == built
    a = np.ones((1, 4), np.float32)
    (c,), _ = RtlCore(CONFIG, quick=True).run([RtlProduct(a, a.T.copy(), {})])
    assert np.array_equal(c, golden.matmul(a, a.T.copy(), golden.BlockFormat(4, 4)))


@pytest.mark.parametrize("name", ["", "/dev/null"])
def test_rejects_what_is_no_folder(monkeypatch, name):
    monkeypatch.setenv("HBFP_CACHE", name)
    with pytest.raises(RtlError, match=rf"^HBFP_CACHE must name a folder, not {name or 'nothing'}$"):
        cache_folder()


def test_a_folder_that_cannot_be_made_is_named(monkeypatch):
    monkeypatch.setenv("HBFP_CACHE", "/dev/null/cores")
    with pytest.raises(RtlError, match=r"^compiled cores cannot be kept in /dev/null/cores/.*: Not a directory$"):
        compile_core(CONFIG, quick=True)
