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
from hw.timing import Timing

__all__ = ["describe", "generate", "main"]


def project_version() -> str:
    """Version of the installed package, or "unknown" from a bare checkout."""
    try:
        return version("hbfp")
    except PackageNotFoundError:
        return "unknown"


def describe(component, config: CoreConfig, unit: str, clocks: list[str]) -> dict:
    """JSON-ready description: ports with their widths, parameters, derived widths, latencies, peak rate."""
    latencies = {
        name: value for name in sorted(dir(component))
        if name.endswith("_cycles") and isinstance(value := getattr(component, name), int)
    }  # fmt: skip
    if unit == "core":
        timing = Timing(config)
        names = ("decode_cycles", "quantizer_cycles", "full_cycles", "read_cycles", "result_cycles", "drain_cycles")
        latencies |= {name: getattr(timing, name) for name in names}
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
        "ports": [{"name": name, "direction": "in", "width": 1} for name in clocks] + _ports(component),
    }


def _ports(component) -> list[dict]:
    """Ports in the order of the Verilog; of structures also each field's lowest bit and width."""
    from amaranth.lib.data import StructLayout, View

    from hw.emit import ports_of

    fields = {}
    for path, _, value in component.signature.flatten(component):
        if isinstance(value, View) and isinstance(layout := value.shape(), StructLayout):
            fields["__".join(map(str, path))] = [
                {"name": name, "offset": field.offset, "width": field.width} for name, field in layout if field.width
            ]
    return [
        {"name": name, "direction": flow, "width": len(value)} | ({"fields": fields[name]} if name in fields else {})
        for name, flow, value in ports_of(component)
    ]


def generate(config: CoreConfig, unit: str = "core") -> tuple[str, dict]:
    """Verilog text and description of ``unit``, the same bytes on every run.

    Raises
    ------
    ValueError
        for an unknown unit.
    """
    from hw.emit import emit
    from hw.units import make_unit

    component = make_unit(unit, config)
    emitter = emit(component)
    header = f"hbfp {project_version()}: {unit}\n{json.dumps(config.to_dict(), sort_keys=True)}"
    return emitter.text(header), describe(component, config, unit, emitter.clocks(component.module_name))


def _check_path(path: Path) -> None:
    """Refuse, before the work, a path that cannot be written.

    Raises
    ------
    CommandLineError
        naming the path.
    """
    writable = os.path.isdir(path.parent) and os.access(path.parent, os.W_OK)
    if not writable or not path.name or (os.path.lexists(path) and not os.path.isfile(path)):
        raise CommandLineError(f"output must be a file in a writable folder, not {path}")


def _write(files: dict[Path, str]) -> None:
    """Write all files or none: each is complete under another name before any is moved to its own."""
    written = []
    try:
        for path, text in files.items():
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".hbfp")
            written.append((name, path))
            with os.fdopen(handle, "w", newline="\n") as file:
                file.write(text)
            os.chmod(name, 0o644)
        for name, path in written:
            os.replace(name, path)
    except OSError as error:
        raise CommandLineError(f"output must be a writable path, not {next(iter(files))}: {error.strerror}") from None
    finally:
        for name, _ in written:
            Path(name).unlink(missing_ok=True)


def _options(parser: argparse.ArgumentParser) -> None:
    add_config_options(parser)
    text = "Verilog file; its description gets the ending .json (default: build/<name>.v)"
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=text)
    parser.add_argument("--unit", default="core", metavar="NAME", help="component to emit (default: core)")
    parser.add_argument("--list", action="store_true", help="name the components and exit")


def _main(options: argparse.Namespace) -> int:
    if options.list:
        from hw.units import UNITS

        print("\n".join(UNITS))
        return 0
    from hw.units import make_unit

    config = config_from_options(options)
    try:
        make_unit(options.unit, config)
    except ValueError as error:
        raise CommandLineError(str(error)) from None
    path = options.output
    if path is None:
        path = Path("build") / (f"{config.name}.v" if options.unit == "core" else f"{options.unit}_{config.name}.v")
        if not path.parent.exists() and os.access(".", os.W_OK):
            path.parent.mkdir()
    _check_path(path)
    described = path.with_suffix(".json")
    if described == path:
        raise CommandLineError(f"output must not end in .json, which is the description's ending, not {path}")
    _check_path(described)
    text, description = generate(config, options.unit)
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
