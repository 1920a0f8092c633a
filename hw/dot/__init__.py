"""Dot products of mantissas: bit heaps for chips, carry chains and multiplier blocks for FPGAs, arithmetic for simulation."""
