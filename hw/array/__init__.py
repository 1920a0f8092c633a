"""The array: units, tiles that share operands, the mesh of tiles."""
