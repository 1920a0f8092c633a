"""The core: commands in, operands loaded, products sequenced, results out."""
