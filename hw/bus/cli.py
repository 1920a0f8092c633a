"""``python -m hw.bus``: the core on AXI as Verilog, with its C header and documents."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from hw.host.files import check_outputs, write_files
from hw.host.options import add_config_options, config_from_options
from hw.host.program import CommandLineError, run

__all__ = ["main"]


def _options(parser: argparse.ArgumentParser) -> None:
    add_config_options(parser)
    parser.add_argument(
        "--bus-width", type=int, default=128, metavar="BITS", help="width of the AXI streams: 32 to 512 (default: 128)"
    )
    parser.add_argument(
        "--clock", type=float, default=0, metavar="MHZ", help="clock the capabilities tell, in MHz (default: unknown)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="Verilog file (default: build/<top>.v)")
    parser.add_argument("--top", metavar="NAME", help="name of the top module (default: made of the machine's)")
    parser.add_argument("--prefix", metavar="NAME", help="put before the name of every module, such as acme_")
    parser.add_argument(
        "--header", type=Path, metavar="FILE", help="write the C header (.h) or Verilog header (.vh) and nothing else"
    )
    parser.add_argument(
        "--documents", type=Path, metavar="FOLDER", help="write registers.md and command-word.md and nothing else"
    )


def _write(files: dict[Path, str]) -> None:
    """Write all files or none."""
    try:
        write_files(files)
    except ValueError as error:
        raise CommandLineError(str(error)) from None
    for path, text in files.items():
        print(f"wrote {path} ({len(text) / 1024:.0f} KiB)")


def _main(options: argparse.Namespace) -> int:
    from hw.bus.documents import c_header, command_page, register_page, verilog_header

    files = {}
    if options.header:
        files[options.header] = verilog_header() if options.header.suffix == ".vh" else c_header()
    if options.documents:
        files |= {options.documents / "registers.md": register_page(), options.documents / "command-word.md": command_page()}
    if files:
        _write(files)
        return 0
    if not 0 <= options.clock < 4294:
        raise CommandLineError(f"clock must be between 0 and 4294 MHz, not {options.clock:g}")
    from hw.bus.axi_core import AxiCore, wrapper
    from hw.emit import emit_verilog
    from hw.generate import project_version
    from hw.names import check_identifier

    config, prefix = config_from_options(options), options.prefix or ""
    try:
        check_outputs(*([options.output] if options.output else []))
        for option in ("prefix", "top"):
            if getattr(options, option) is not None:
                check_identifier(option, getattr(options, option))
        component = AxiCore(config, options.bus_width, round(options.clock * 1e6))
    except ValueError as error:
        raise CommandLineError(str(error)) from None
    top = prefix + (options.top or f"{component.module_name}_top")
    header = f"hbfp {project_version()}: {options.bus_width} bit AXI\n{json.dumps(config.to_dict(), sort_keys=True)}"
    text = emit_verilog(component, header, prefix) + wrapper(component, top, prefix)
    _write({options.output or Path("build") / f"{top}.v": text})
    print(f"top module: {top}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run("hw.bus", "Write Verilog of an HBFP core on AXI.", _options, _main, arguments)
