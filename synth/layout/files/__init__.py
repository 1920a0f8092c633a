"""Files of others about layouts: LEF and DEF."""
