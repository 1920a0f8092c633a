"""A step of a network on a core: how each product is done, and all of them in one run."""
