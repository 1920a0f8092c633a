"""The serial line: bytes, frames, and accesses of the registers."""
