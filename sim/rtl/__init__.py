"""The generated Verilog, compiled by Verilator and called from Python."""

from sim.rtl.core import Rates, RtlCore, RtlError, RtlProduct, cache_folder, compile_core, compile_library

__all__ = ["Rates", "RtlCore", "RtlError", "RtlProduct", "cache_folder", "compile_core", "compile_library"]
