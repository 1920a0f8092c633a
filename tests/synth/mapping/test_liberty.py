"""Libraries are found, parsed, and refused with a reason."""

import gzip
import re

import pytest

from synth.mapping.cells import compile_function, truth_table
from synth.mapping.liberty import REFERENCE, LibraryError, find_library, parse_liberty


def test_reference_library_is_complete(tmp_path):
    library = find_library("reference", tmp_path)
    assert library.full_adder() == ("FA", {"a": "A", "b": "B", "c": "CI", "sum": "S", "carry": "CO"})
    assert all(cell.area > 0 for cell in library.cells.values())
    assert library.cells["DFF"].flip_flop["next_state"] == "D"


def test_reads_gzipped_files(tmp_path):
    packed = tmp_path / "cells.lib.gz"
    packed.write_bytes(gzip.compress(REFERENCE.read_bytes()))
    assert find_library(str(packed), tmp_path / "build").cells.keys() == parse_liberty(REFERENCE).keys()


def test_files_of_one_name_are_not_mixed_up(tmp_path):
    text = REFERENCE.read_text()
    for folder, name in (("one", "DFF"), ("two", "REGISTER")):
        (tmp_path / folder).mkdir()
        packed = tmp_path / folder / "cells.lib.gz"
        packed.write_bytes(gzip.compress(text.replace("cell (DFF)", f"cell ({name})").encode()))
        library = find_library(str(packed), tmp_path / "build")
        assert name in library.cells


def test_functions_in_every_notation():
    assert truth_table("A' B + C", ["A", "B", "C"]) == truth_table("(!A & B) | C", ["A", "B", "C"])
    assert truth_table("A ^ B", ["A", "B"]) == 0b0110
    assert truth_table("A & missing", ["A"]) is None
    assert compile_function("!(A | B)", ("A", "B"))(0b1111, 0b0011, 0b0101) == 0b1000


def test_missing_library_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr("synth.mapping.liberty._search", lambda name: None)
    with pytest.raises(
        LibraryError, match=r"^library osu018 was not found; apt-get install qflow-tech-osu018; or name"
    ):
        find_library("osu018", tmp_path)


def test_unknown_library_lists_the_known(tmp_path):
    with pytest.raises(
        LibraryError, match=r"^library must be a file or one of reference, nangate45, .*, not nonsense$"
    ):
        find_library("nonsense", tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "does not parse: it has no cells"),
        ("library (x) {\n cell (A) { area : 1;\n", "does not parse: cell A has no end"),
        ("library (x) {\n cell (A) { area : 1; pin (Y) { direction : output; } }\n}\n", "has no flip-flop"),
        ("library (x) {\n cell (A) {" + " g (h) {" * 9000, "does not parse: cell A is nested too deep"),
        *(
            (f"library (x) {{\n cell (A) {{ area : {area}; }}\n}}\n", f"area of cell A must be a number from 0 on, not {area}$")
            for area in ("big", "nan", "inf", "-1", "1e999")
        ),
    ],
)
def test_refuses_bad_libraries(text, reason, tmp_path):
    path = tmp_path / "bad.lib"
    path.write_text(text)
    with pytest.raises(LibraryError, match=reason):
        find_library(str(path), tmp_path)


@pytest.mark.parametrize(("text", "reason"), [(b"", "it has no cells"), (bytes(1 << 20), "must have at most 0 MiB")])
def test_a_packed_file_that_is_no_library_leaves_nothing(text, reason, tmp_path, monkeypatch):
    monkeypatch.setattr("synth.mapping.liberty.LARGEST", 1 << 19)
    (tmp_path / "cells.lib.gz").write_bytes(gzip.compress(text))
    with pytest.raises(LibraryError, match=reason):
        find_library(str(tmp_path / "cells.lib.gz"), tmp_path / "build")
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize("fault", ["plain", "cut", "changed"])
def test_a_file_that_does_not_unpack_leaves_nothing(fault, tmp_path):
    packed = bytearray(gzip.compress(REFERENCE.read_bytes()))
    packed[200] ^= 0xFF
    text = {"plain": b"library (x) {}", "cut": gzip.compress(REFERENCE.read_bytes())[:500], "changed": bytes(packed)}
    path, build = tmp_path / "cells.lib.gz", tmp_path / "build"
    path.write_bytes(text[fault])
    with pytest.raises(LibraryError, match=f"^library {re.escape(str(path))} does not unpack: "):
        find_library(str(path), build)
    assert not build.exists()
