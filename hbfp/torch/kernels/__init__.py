"""Products with the hardware's bits: compiled kernels, and golden where they do not reach."""
