"""Around the core: registers, AXI, and the documents made from them."""
