"""Many machines compared: sweeps, reports, plots and traces."""
