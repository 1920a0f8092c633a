"""Generator for FuseSoC: reads the file it is called with, writes Verilog, headers and a core file beside it."""

import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["generate"]

CORE = """CAPI=2:
name: {vlnv}

filesets:
  rtl:
    files:
      - hbfp_axi.v: {{file_type: verilogSource}}
      - hbfp_registers.vh: {{file_type: verilogSource, is_include_file: true}}
      - hbfp_registers.h: {{file_type: user}}

targets:
  default:
    filesets: [rtl]
"""


def generate(request: dict[str, Any], folder: Path) -> None:
    """Write the files of ``request``, a mapping with ``vlnv`` and ``parameters: {arguments: [...]}``."""
    from hw.bus.cli import main

    arguments = [str(argument) for argument in request.get("parameters", {}).get("arguments", [])]
    for options in (
        ["--top", "hbfp_axi", *arguments, "-o", str(folder / "hbfp_axi.v")],
        ["--header", str(folder / "hbfp_registers.vh")],
        ["--header", str(folder / "hbfp_registers.h")],
    ):
        if status := main(options):
            sys.exit(status)
    (folder / "hbfp_axi.core").write_text(CORE.format(vlnv=request["vlnv"]))


def _load(path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError:
        request: dict[str, Any] = json.loads(path.read_text())
    else:
        request = yaml.safe_load(path.read_text())
    return request


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    generate(_load(Path(sys.argv[1])), Path.cwd())
