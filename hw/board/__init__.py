"""Boards: the core behind a serial line, its clock, and the build of a bitstream."""
