"""Files are written whole, all of them or none."""

import os
import stat

import pytest

from hw.host.files import check_outputs, keep, write_files


def test_writes_text_and_bytes_and_makes_folders(tmp_path):
    text, data = tmp_path / "a" / "b" / "text", tmp_path / "c" / "data"
    write_files({text: "one\ntwo\n", data: b"\x00\xff"})
    assert text.read_bytes() == b"one\ntwo\n"
    assert data.read_bytes() == b"\x00\xff"


def test_replaces_what_is_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    keep(path, "new")
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_all_or_none(tmp_path):
    """The second cannot be written, so the first keeps what it had and nothing is left over."""
    first = tmp_path / "first"
    first.write_text("old")
    (tmp_path / "file").touch()
    second = tmp_path / "file" / "second"
    with pytest.raises(ValueError, match=f"^output must be a writable path, not {second}: "):
        write_files({first: "new", second: "new"})
    assert first.read_text() == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "first"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_permissions_are_what_the_mask_allows(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        keep(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


@pytest.mark.parametrize("name", ["folder", "pipe", "file/inside", "folder/.."])
def test_refuses_before_the_work(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / name
    with pytest.raises(ValueError, match=f"^output must be a file in a writable folder, not {path}$"):
        check_outputs(tmp_path / "fine", path)


def test_accepts_what_can_be_made(tmp_path):
    check_outputs(tmp_path / "new", tmp_path / "a" / "b" / "c")
    assert not list(tmp_path.iterdir())


def test_refuses_a_folder_without_permission(tmp_path, monkeypatch):
    """For everybody but root the system says so; here the answer is made."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match=r"^output must be a file in a writable folder, not "):
        check_outputs(tmp_path / "file")
