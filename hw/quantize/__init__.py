"""Into blocks: shared exponents, rounding, packing and unpacking."""
