"""What 4 bits cost in training and what Booster recovers: tasks, formats, runs, statistics. ``python -m hbfp.train``."""
