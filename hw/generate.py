"""``python -m hw.generate``: Verilog of a core, or of any component of it, with a JSON description."""

import argparse
import json
import os
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hw.config import CoreConfig
from hw.options import CommandLineError, add_config_options, config_from_options, run

__all__ = ["describe", "generate", "main"]


def project_version() -> str:
    """Version of the installed package, or "unknown" from a bare checkout."""
    try:
        return version("hbfp")
    except PackageNotFoundError:
        return "unknown"


def describe(component, config: CoreConfig, unit: str) -> dict:
    """JSON-ready description: ports with their widths, parameters, derived widths, latencies, peak rate."""
    from hw.emit import ports_of

    latencies = {
        name: value for name in sorted(dir(component))
        if name.endswith("_cycles") and isinstance(value := getattr(component, name), int)
    }  # fmt: skip
    if unit == "core":
        from hw.array.mesh import Mesh
        from hw.core.decoder import CommandDecoder
        from hw.core.operand_buffer import OperandBuffer
        from hw.quantize.block_quantizer import BlockQuantizer

        mesh = Mesh(config)
        latencies |= {
            "decode_cycles": CommandDecoder.decode_cycles,
            "quantizer_cycles": BlockQuantizer(config).latency_cycles,
            "read_cycles": OperandBuffer.read_cycles,
            "result_cycles": mesh.result_cycles,
            "drain_cycles": mesh.drain_cycles,
        }
    return {
        "generator": {"name": "hbfp", "version": project_version()},
        "unit": unit,
        "module": component.module_name,
        "parameters": config.to_dict(),
        "derived": {
            "multiplier_width": config.multiplier_width,
            "storage_width": config.storage_width,
            "block_sum_width": config.block_sum_width,
            "scale_width": config.scale_width,
            "rows": config.rows,
            "columns": config.columns,
        },
        "latencies": latencies,
        "peak_macs_per_cycle": config.macs_per_cycle,
        "ports": [{"name": name, "direction": flow, "width": len(value)} for name, flow, value in _all_ports(component, ports_of)],
    }


def _all_ports(component, ports_of):
    from amaranth.hdl import Const

    return [("clk", "in", Const(0, 1)), ("rst", "in", Const(0, 1)), *ports_of(component)]


def generate(config: CoreConfig, unit: str = "core") -> tuple[str, dict]:
    """Verilog text and description of ``unit``, the same bytes on every run.

    Raises
    ------
    ValueError : for an unknown unit.
    """
    from hw.emit import emit_verilog
    from hw.units import make_unit

    component = make_unit(unit, config)
    description = describe(component, config, unit)
    header = f"hbfp {project_version()}: {unit}\n{json.dumps(config.to_dict(), sort_keys=True)}"
    return emit_verilog(component, header), description


def _write(files: dict[Path, str]) -> None:
    """Write all files or none: each is complete under another name before any is moved to its own."""
    written = []
    try:
        for path, text in files.items():
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            written.append((name, path))
            with os.fdopen(handle, "w", newline="\n") as file:
                file.write(text)
            os.chmod(name, 0o644)
        for name, path in written:
            os.replace(name, path)
    except OSError as error:
        for name, _ in written:
            Path(name).unlink(missing_ok=True)
        raise CommandLineError(f"output must be a writable path, not {next(iter(files))}: {error.strerror}") from None


def _options(parser: argparse.ArgumentParser) -> None:
    add_config_options(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE",
                        help="Verilog file; its description gets the ending .json (default: build/<name>.v)")  # fmt: skip
    parser.add_argument("--unit", default="core", metavar="NAME", help="component to emit (default: core)")
    parser.add_argument("--list", action="store_true", help="name the components and exit")


def _main(options: argparse.Namespace) -> int:
    if options.list:
        from hw.units import UNITS

        print("\n".join(UNITS))
        return 0
    config = config_from_options(options)
    path = options.output
    if path is None:
        stem = config.name if options.unit == "core" else f"{options.unit}_{config.name}"
        path = Path("build") / f"{stem}.v"
        path.parent.mkdir(exist_ok=True)
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise CommandLineError(f"output must be a file in a writable folder, not {path}")
    try:
        text, description = generate(config, options.unit)
    except ValueError as error:
        raise CommandLineError(str(error)) from None
    described = path.with_suffix(".json")
    _write({path: text, described: json.dumps(description, indent=2, sort_keys=True) + "\n"})
    print(f"{description['module']}: {config.rows} x {config.columns} units of {config.dot} products, "
          f"peak {config.macs_per_cycle} MACs per cycle")  # fmt: skip
    print(f"wrote {path} ({len(text) / 1024:.0f} KiB) and {described}")
    return 0


def main(arguments=None) -> int:
    """Entry point; returns the exit status."""
    return run("hw.generate", "Write Verilog of an HBFP core.", _options, _main, arguments)


if __name__ == "__main__":
    sys.exit(main())
