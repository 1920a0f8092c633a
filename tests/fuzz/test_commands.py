"""Command lines made from the parsers themselves, good and bad: each ends as it should."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hbfp.reference import parser_of
from tests.fuzz.attempt import attempt, judge
from tests.fuzz.budget import fuzzing
from tests.fuzz.files import GOOD
from tests.fuzz.programs import PROGRAMS
from tests.fuzz.words import PATHS, command_lines, names

pytestmark = pytest.mark.usefixtures("light")


@cache
def parser(module: str):
    return parser_of(module)


@pytest.mark.parametrize("module", PROGRAMS)
def test_command_lines(module):
    program, files = PROGRAMS[module], GOOD()
    paths = {Path(name).name for name in (*files, *PATHS)} - {""}
    known = names(parser(module)) | paths | {*program.words, "unrecognized arguments", ". cannot be read"}

    @fuzzing(program.share)
    @given(st.data())
    def every_line(data):
        arguments = data.draw(command_lines(parser(module), tuple(files), program.always))
        given = {word[:40] for argument in arguments for word in (argument, argument.partition("=")[2])} - {""}
        judge(attempt(program.main, arguments, files), arguments, known | given)

    every_line()
