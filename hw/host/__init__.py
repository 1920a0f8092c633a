"""The machine that programs run on: how they end, their options, their files, and programs of others."""
