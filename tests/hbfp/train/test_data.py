"""Data that the user has: what is made of them."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from hbfp.train.data import CODES, cifar, corpus, digits, documentation
from hbfp.train.tasks import TASKS


def test_cifar_is_what_torchvision_reads(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    asked = []

    def reader(name, folder, train, download):
        asked.append((name, folder, train, download))
        return SimpleNamespace(data=images[: 2 if train else 1], targets=[7, 4] if train else [99])

    module = ModuleType("torchvision")
    names = ("CIFAR10", "CIFAR100")
    readers = {name: lambda *a, name=name, **options: reader(name, *a, **options) for name in names}
    module.datasets = SimpleNamespace(**readers)
    monkeypatch.setitem(sys.modules, "torchvision", module)
    data = cifar.__wrapped__(100)
    assert asked == [("CIFAR100", "data", True, False), ("CIFAR100", "data", False, False)]
    assert (data.y_train.tolist(), data.y_test.tolist()) == ([7, 4], [99])
    assert data.x_train.shape == (2, 3, 32, 32)
    red = (images[1, 5, 9, 0] / 255 - 0.4914) / 0.2470
    assert data.x_train[1, 0, 5, 9].item() == pytest.approx(red, rel=1e-5)
    assert TASKS["cifar100"].network().head.out_features == 100


def test_a_text_is_cut_into_pieces_and_their_successors(tmp_path):
    text = "".join(chr(32 + i * i % 95) for i in range(7000)) + "é\n"
    path = tmp_path / "corpus.txt"
    path.write_text(text, encoding="utf-8")
    data = corpus(str(path), test=4)
    codes = [CODES.get(c, CODES["?"]) for c in text]
    assert data.x_train.flatten().tolist() == codes[: 98 * 64]
    assert data.y_train.flatten().tolist() == codes[1 : 98 * 64 + 1]
    assert data.x_test.shape == (4, 64)
    assert data.x_test[-1].tolist() == codes[108 * 64 : 109 * 64]


@pytest.mark.parametrize(("text", "error", "message"), [
    (None, FileNotFoundError, "the text must be in "), ("too short", ValueError, "must have at least 6400 characters, not 9"),
])  # fmt: skip
def test_a_text_that_cannot_be_used_is_refused(text, error, message, tmp_path):
    path = tmp_path / "text.txt"
    if text:
        path.write_text(text)
    with pytest.raises(error, match=message):
        corpus(str(path))


def test_training_and_test_do_not_overlap():
    data = documentation()
    assert data.x_train.shape[1] == data.x_test.shape[1] == 64
    images = digits()
    assert not (images.x_train.flatten(1)[:, None] == images.x_test.flatten(1)).all(2).any()
    assert torch.equal(data.x_train[:, 1:], data.y_train[:, :-1])
