"""Lookup tables and clocks in FPGA families."""
