"""``python -m hw.generate``: Verilog of a core, or of any component of it, with a JSON description."""

import argparse
import json
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hw.config import CoreConfig
from hw.host.files import check_outputs, write_files
from hw.host.options import add_config_options, config_from_options
from hw.host.program import CommandLineError, run
from hw.names import check_identifier, named
from hw.timing import Timing

if TYPE_CHECKING:
    from amaranth.lib.wiring import Component

__all__ = ["describe", "generate", "main"]


def project_version() -> str:
    """Version of the installed package, or "unknown" from a bare checkout."""
    try:
        return version("hbfp")
    except PackageNotFoundError:
        return "unknown"


def describe(component: "Component", config: CoreConfig, unit: str, module: str, clocks: list[str]) -> dict[str, Any]:
    """JSON-ready description of ``module``: ports with their widths, parameters, derived widths, latencies, peak rate."""
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
        "module": module,
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


def _ports(component: "Component") -> list[dict[str, Any]]:
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


def generate(config: CoreConfig, unit: str = "core", prefix: str = "") -> tuple[str, dict[str, Any]]:
    """Verilog text and description of ``unit``, the same bytes on every run.

    Parameters
    ----------
    config
        the machine.
    unit
        one of ``hw.units.UNITS``.
    prefix
        put before the name of every module.

    Raises
    ------
    ValueError
        for an unknown unit.
    """
    from hw.emit import emit
    from hw.units import make_unit

    component = make_unit(unit, config)
    emitter = emit(component, prefix)
    top = prefix + component.module_name
    header = f"hbfp {project_version()}: {unit}\n{json.dumps(config.to_dict(), sort_keys=True)}"
    return emitter.text(header), describe(component, config, unit, top, emitter.clocks(top))


def _options(parser: argparse.ArgumentParser) -> None:
    add_config_options(parser)
    text = "Verilog file; its description gets the ending .json (default: build/<name>.v)"
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=text)
    parser.add_argument("--unit", default="core", metavar="NAME", help="component to emit (default: core)")
    parser.add_argument("--prefix", metavar="NAME", help="put before the name of every module, such as acme_")
    parser.add_argument("--list", action="store_true", help="name the components and exit")


def _main(options: argparse.Namespace) -> int:
    if options.list:
        from hw.units import UNITS

        print("\n".join(UNITS))
        return 0
    from hw.units import make_unit

    config = config_from_options(options)
    path = options.output or Path("build") / f"{named('' if options.unit == 'core' else options.unit, config.name)}.v"
    try:
        if options.prefix is not None:
            check_identifier("prefix", options.prefix)
        make_unit(options.unit, config)
        check_outputs(path)
        described = path.with_suffix(".json")
        if described == path:
            raise ValueError(f"output must not end in .json, which is the description's ending, not {path}")
        check_outputs(described)
        text, description = generate(config, options.unit, options.prefix or "")
        write_files({path: text, described: json.dumps(description, indent=2, sort_keys=True) + "\n"})
    except ValueError as error:
        raise CommandLineError(str(error)) from None
    print(f"{description['module']}: {config.rows} x {config.columns} units of {config.dot} products, "
          f"peak {config.macs_per_cycle} MACs per cycle")  # fmt: skip
    print(f"wrote {path} ({len(text) / 1024:.0f} KiB) and {described}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run("hw.generate", "Write Verilog of an HBFP core.", _options, _main, arguments)


if __name__ == "__main__":
    sys.exit(main())
