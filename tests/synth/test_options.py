"""Values of options: what is read, and the text of what is not."""

import argparse

import pytest

from hw.host.program import CommandLineError
from synth.mapping.flow import BUILD
from synth.options import add_run_options, at_least, positive, size


def test_what_is_read():
    assert at_least("jobs", 1)("7") == 7
    assert positive("target", "ns")("2.5e1") == 25
    assert size("tile")("4X16") == (4, 16)


@pytest.mark.parametrize(
    ("reader", "text", "message"),
    [
        (at_least("jobs", 1), "0", "jobs must be at least 1, not 0"),
        (at_least("jobs", 1), "", "jobs must be an integer, not nothing"),
        (at_least("jobs", 1), "1.5", "jobs must be an integer, not 1.5"),
        *((positive("target", "ns"), text, f"target must be a positive number of ns, not {text or 'nothing'}")
          for text in ("", "0", "-1", "inf", "nan", "fast")),
        *((size("mesh"), text, f"mesh must be ROWSxCOLUMNS, such as 4x4, not {text or 'nothing'}")
          for text in ("", "4", "x4", "4x", "0x4", "4x0", "4x-4", "axb", "4x4x4")),
    ],
)  # fmt: skip
def test_what_is_refused(reader, text, message):
    with pytest.raises(CommandLineError) as refused:
        reader(text)
    assert str(refused.value) == message


def test_where_and_how_long():
    parser = argparse.ArgumentParser()
    add_run_options(parser, 12.5)
    assert vars(parser.parse_args([])) == {"jobs": 2, "dask": None, "timeout": 12.5, "build": BUILD}
    assert "(default 12.5)" in parser.format_help()
