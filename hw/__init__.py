"""The RTL generator: components of an HBFP matrix engine in Amaranth, one folder per stage of the data's way.

``config`` describes a machine, ``quantize`` → ``array`` → ``accumulate`` are its stages, ``core`` puts them together,
``generate`` writes Verilog. Importing this package, or ``hw.config``, does not import Amaranth.
"""
