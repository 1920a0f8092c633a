"""Networks compiled for a machine: command programs as files, and what they say."""

from hbfp.program.compile import compile_network
from hbfp.program.disassemble import disassemble
from hbfp.program.file import LayerProgram, ProductProgram, Program, read_program, write_program

__all__ = [
    "LayerProgram", "ProductProgram", "Program", "compile_network", "disassemble", "read_program", "write_program",
]  # fmt: skip
