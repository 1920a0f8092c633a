"""Widths of layers: by schedule or by patterns of their names, and files of them."""

import re

import pytest

from golden import schedule
from hbfp.run.graphs.layers import LayerPlace
from hbfp.run.widths import check_widths, layer_widths, read_widths

NAMES = ("stem", "block.0", "block.1", "head")
LAYERS = [LayerPlace(name, None, name == "stem", name == "head") for name in NAMES]


@pytest.mark.parametrize(
    ("plan", "widths"),
    [
        ("booster", (6, 4, 4, 6)), ("all-5", (5, 5, 5, 5)), (schedule("booster"), (6, 4, 4, 6)), ({"*": 6}, (6, 6, 6, 6)),
        ({"block.*": 5}, (4, 5, 5, 4)), ({"block.0": 8, "block.*": 5, "head": 6}, (4, 8, 5, 6)), ({"[sh]*": 10}, (10, 4, 4, 10)),
    ],
)  # fmt: skip
def test_the_first_pattern_that_fits_counts(plan, widths):
    assert layer_widths(LAYERS, plan) == dict(zip(NAMES, widths, strict=True))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"tail": 6}, "w.json: tail fits no layer; the layers are stem, block.0, block.1, head"),
        ("half", "schedule must be booster or all-W with a width W between 2 and 10, not half"),
    ],
)
def test_a_plan_that_fits_nothing(plan, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        layer_widths(LAYERS, plan, "w.json")


OBJECT = "must be a JSON object of layers' names and mantissa widths"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", OBJECT), ("[4]", OBJECT), ("4", OBJECT), ("null", OBJECT),
        *((f'{{"a": 4, "b": {value}}}', f"b: a mantissa width must be an integer between 2 and 10, not {shown}")
          for value, shown in (("1", "1"), ("11", "11"), ("4.0", "4.0"), ("true", "True"), ('"6"', "'6'"), ("null", "None"))),
    ],
)  # fmt: skip
def test_files_that_hold_no_widths(text, message, tmp_path):
    path = tmp_path / "w.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {message}')}$"):
        read_widths(path)


def test_files_that_do(tmp_path):
    (tmp_path / "w.json").write_text('{"*": 6, "a": 2}')
    assert list(read_widths(tmp_path / "w.json").items()) == [("*", 6), ("a", 2)], "in their order"
    assert check_widths({"a": 10}, "here") == {"a": 10}
