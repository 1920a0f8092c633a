"""Layout: mapped netlists placed, buffered, wired and timed with their wires."""
