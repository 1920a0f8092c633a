"""Mapped modules written by hand."""

import json
from types import SimpleNamespace

__all__ = ["netlists", "synthesised"]


def netlists(folder, **modules):
    """Files of modules, each (ports as name to (direction, bits), cells as (type, pins to bits))."""
    paths = {}
    for name, (ports, cells) in modules.items():
        module = {
            "ports": {port: {"direction": way, "bits": bits} for port, (way, bits) in ports.items()},
            "cells": {f"g{i}": {"type": kind, "connections": pins} for i, (kind, pins) in enumerate(cells)},
        }
        (folder / name).mkdir()
        paths[name] = folder / name / "netlist.json"
        paths[name].write_text(json.dumps({"modules": {name: module}}))
    return paths


def synthesised(folder, top, **modules):
    """The same as what ``Netlist`` reads of a synthesis."""
    paths = netlists(folder, **modules)
    return SimpleNamespace(top=top, parts={name: SimpleNamespace(netlist=path.parent) for name, path in paths.items()})
