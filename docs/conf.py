"""Sphinx's configuration of the site (``make docs``)."""

import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "_ext")]

project = "HBFP"
author = "the HBFP authors"
copyright = "the HBFP authors"
try:
    release = metadata.version("hbfp")
except metadata.PackageNotFoundError:
    release = "unknown"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "code_pages",
]
exclude_patterns = ["_ext", "**.ipynb_checkpoints"]
html_theme = "furo"
html_title = "HBFP"
html_show_sphinx = False
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the tests execute them

autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

documented_packages = ("golden", "hw", "sim", "synth", "hbfp")
suppress_warnings = ["ref.python"]  # a type that two modules name alike links to one of them
