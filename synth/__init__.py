"""Area, clock and density, measured."""
