"""Tables, plots, claims and pages made from rows."""
