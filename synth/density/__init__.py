"""Designs and what is counted of them: rows of the density report."""
