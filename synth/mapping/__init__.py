"""From Verilog to cells: libraries, recipes, mapped netlists, their timing and their check."""
