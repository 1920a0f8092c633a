"""Properties, a module for each kind of component."""
