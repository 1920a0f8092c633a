"""What the layers of a network ask of products: the order of a reduction, and mantissa widths."""
