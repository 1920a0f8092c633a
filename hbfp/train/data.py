"""Data that every machine with the packages has: digits, rendered characters, Python's documentation; others on request."""

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["Data", "both_ways", "characters", "cifar", "corpus", "digits", "documentation", "fashion"]

FACES = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Bold",
    "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "cmb10", "cmr10", "cmss10", "cmti10",
    "cmtt10", "DejaVuSansMono-BoldOblique",
)  # fmt: skip
CLASSES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ23456789"
SIDE = 16
CODES = {character: code for code, character in enumerate("\n" + "".join(map(chr, range(32, 127))))}


@dataclass(frozen=True)
class Data:
    """Inputs and labels, to train and to test."""

    x_train: torch.Tensor
    y_train: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor


@cache
def digits() -> Data:
    """scikit-learn's 1797 handwritten digits, (1, 8, 8) in 0 … 1; a quarter for the test, always the same."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x = torch.from_numpy((images / 16).astype(np.float32).reshape(-1, 1, 8, 8))
    order = np.random.default_rng(1).permutation(len(images))
    cut = len(order) * 3 // 4
    train, test = order[:cut], order[cut:]
    y = torch.from_numpy(labels.astype(np.int64))
    return Data(x[train], y[train], x[test], y[test])


@cache
def both_ways() -> Data:
    """The digits light on dark and dark on light, in -1 … 1: no linear model can tell them apart.

    Each image to train is there both ways; half of the images to test are inverted, always the same.
    """
    plain = digits()
    x, test = 2 * plain.x_train - 1, 2 * plain.x_test - 1
    signs = torch.from_numpy(np.random.default_rng(3).choice([-1.0, 1.0], len(test)).astype(np.float32))
    return Data(
        torch.cat([x, -x]), plain.y_train.repeat(2), test * signs[:, None, None, None], plain.y_test
    )  # fmt: skip


@cache
def characters(train: int = 6000, test: int = 1000) -> Data:
    """34 letters and figures of Matplotlib's 16 fonts, (1, 16, 16): moved, turned, scaled, inverted, in noise.

    Half of the images are light on dark, so that no linear model can tell them apart. Drawn from one seed.
    """
    rng = np.random.default_rng(2)
    images = np.stack([_character(rng, index % len(CLASSES)) for index in range(train + test)])
    labels = torch.arange(train + test) % len(CLASSES)
    x = torch.from_numpy(images[:, None])
    return Data(x[:train], labels[:train], x[train:], labels[train:])


def _character(rng: np.random.Generator, label: int) -> np.ndarray:
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (3 * SIDE, 3 * SIDE), 0)
    font = _font(FACES[rng.integers(len(FACES))], int(rng.integers(24, 40)))
    at = 1.5 * SIDE + rng.uniform(-5, 5, 2)
    ImageDraw.Draw(canvas).text(tuple(at), CLASSES[label], fill=255, font=font, anchor="mm")
    turned = canvas.rotate(float(rng.uniform(-20, 20)), resample=Image.Resampling.BILINEAR)
    small = np.asarray(turned.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255
    sign = 1 if rng.random() < 0.5 else -1
    image: np.ndarray = (sign * (2 * small - 1) * rng.uniform(0.4, 1) + rng.normal(0, 0.25, small.shape)).astype(np.float32)
    return image


@cache
def _font(face: str, size: int):  # type: ignore[no-untyped-def]
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"), size)


@cache
def fashion(train: int = 3000, test: int = 1000) -> Data:
    """The first images of Fashion-MNIST, (1, 14, 14): means of four pixels, normalised.

    From Debian's package dataset-fashion-mnist, or the same four files in ``data/fashion-mnist``.

    Raises
    ------
    FileNotFoundError
        without the files.
    """
    places = [Path("data/fashion-mnist"), Path("/usr/share/datasets/fashion-mnist")]
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise FileNotFoundError(f"Fashion-MNIST must be in {places[0]}, or installed as Debian's dataset-fashion-mnist")
    tensors = []
    for part, count in (("train", train), ("t10k", test)):
        images = _idx(folder / f"{part}-images-idx3-ubyte.gz", 16)[: count * 784].astype(np.float32)
        small = images.reshape(count, 1, 14, 2, 14, 2).mean((3, 5))
        labels = _idx(folder / f"{part}-labels-idx1-ubyte.gz", 8)[:count]
        tensors += [torch.from_numpy((small - 73) / 85), torch.from_numpy(labels.astype(np.int64))]
    return Data(*tensors)


def _idx(path: Path, header: int) -> NDArray[np.uint8]:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


@cache
def documentation(length: int = 64, test: int = 128) -> Data:
    """The reference text in Python's own ``pydoc_data``, in pieces of ``length`` characters and their successors.

    The last tenth is the test, ``test`` pieces of it. About 465,000 characters in Python 3.11; versions differ. What is
    neither printable ASCII nor a new line counts as a question mark.
    """
    from pydoc_data.topics import topics

    return _pieces("\n".join(topics.values()), length, test)


@cache
def corpus(path: str = "data/corpus.txt", length: int = 64, test: int = 1024) -> Data:
    """A text of the user's own in UTF-8, cut and coded as ``documentation`` is: books, or a review to a line.

    Raises
    ------
    FileNotFoundError, ValueError
        without the file; for one too short to train and test on.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"the text must be in {path}")
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    least = 100 * length
    if len(text) < least:
        raise ValueError(f"{path} must have at least {least} characters, not {len(text)}")
    return _pieces(text, length, test)


def _pieces(text: str, length: int, test: int) -> Data:
    codes = torch.tensor([CODES.get(c, CODES["?"]) for c in text])
    count = (len(codes) - 1) // length
    x, y = codes[: count * length].view(-1, length), codes[1 : count * length + 1].view(-1, length)
    cut = count * 9 // 10
    spread = torch.linspace(cut, count - 1, test).long()
    return Data(x[:cut], y[:cut], x[spread], y[spread])


@cache
def cifar(classes: int, folder: str = "data") -> Data:
    """CIFAR-10 or CIFAR-100 as torchvision has it in ``folder``, (3, 32, 32), normalised; not downloaded here.

    Raises
    ------
    ImportError, RuntimeError
        without torchvision, or without the data.
    """
    from torchvision import datasets

    kind = {10: datasets.CIFAR10, 100: datasets.CIFAR100}[classes]
    tensors = []
    for part in (kind(folder, train=train, download=False) for train in (True, False)):
        images = torch.from_numpy(part.data).permute(0, 3, 1, 2).float() / 255
        mean, deviation = torch.tensor([0.4914, 0.4822, 0.4465]), torch.tensor([0.2470, 0.2435, 0.2616])
        tensors += [(images - mean[:, None, None]) / deviation[:, None, None], torch.tensor(part.targets)]
    return Data(*tensors)
