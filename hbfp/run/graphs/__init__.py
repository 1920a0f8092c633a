"""The graphs of a network, the outermost and those inside of If, Loop and Scan: their products apart from all else."""
