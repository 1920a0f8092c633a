"""The generated Verilog, compiled by Verilator and called from Python."""

from sim.rtl.core import Product, Rates, RtlCore, RtlError, cache_folder, compile_core, compile_library

__all__ = ["Product", "Rates", "RtlCore", "RtlError", "cache_folder", "compile_core", "compile_library"]
