"""Energy of a multiply-accumulate: transitions of the mapped netlist, and what Liberty's tables say of each."""
