"""Arrays from files, and files that hold none."""

import io
import zipfile

import numpy as np
import pytest

from hbfp.run.arrays import read_inputs, read_labels


def test_what_was_saved_is_read(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.arange(6.0).reshape(2, 3), y=np.ones(1, np.float32))
    np.save(tmp_path / "labels.npy", np.array([3, 1], np.uint8))
    arrays = read_inputs(tmp_path / "x.npz")
    assert {name: array.tolist() for name, array in arrays.items()} == {"x": [[0, 1, 2], [3, 4, 5]], "y": [1]}
    assert read_labels(tmp_path / "labels.npy").tolist() == [3, 1]


def saved(value) -> bytes:
    file = io.BytesIO()
    np.save(file, value)
    return file.getvalue()


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        for name, content in members.items():
            target.writestr(f"{name}.npy", content)
    return file.getvalue()


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "No data left in file"),
    (b"words", "pickled"),
    (saved(np.ones(2)), "it is one array without a name"),
    (archive(x=b"no array"), "x is no array"),
    (archive(x=saved(np.ones(2)).replace(b"}", b" ")), "TokenError: "),
    (archive(x=saved(np.array([None]))), "Object arrays cannot be loaded"),
])  # fmt: skip
def test_other_files_are_refused(tmp_path, content, reason):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^input must be an \.npz file of arrays, not .*x\.npz: ") as told:
        read_inputs(path)
    assert reason in str(told.value)


@pytest.mark.parametrize("content", [b"", saved(np.ones(2)), saved(np.ones((2, 2), int)), archive(x=saved(np.ones(2, int)))])
def test_other_labels_are_refused(tmp_path, content):
    (tmp_path / "labels.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"^labels must be "):
        read_labels(tmp_path / "labels.npy")
