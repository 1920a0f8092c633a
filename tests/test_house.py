"""The house as a whole: who imports whom, how many live in a room, and what each room is called."""

import ast
import subprocess
import sys
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from grimp import build_graph

ROOT = Path(__file__).parents[1]
PACKAGES = ("golden", "hw", "sim", "synth", "hbfp")
VIEWS = ("golden.scalar", "golden", "hw", "sim.model")
"""Where a stage of the machine has its name: its definition, its arithmetic on arrays, its hardware, its time."""
HOMES = {
    "hw.accumulate.float_accumulator": "tests/accumulate/test_block_accumulator.py",
    "hw.baseline.element": "tests/baseline/test_elements.py",
    "hw.board.build": "tests/board/test_cli.py",
    "hw.board.top": "tests/board/test_cli.py",
    "hw.bus.axi_lite": "tests/bus/test_axi_core.py",
    "hw.bus.register_bank": "tests/bus/test_axi_core.py",
    "hw.bus.stream_core": "tests/bus/test_axi_core.py",
    "hw.dot.sum_of_products": "tests/dot/test_dot_product.py",
    "hw.enable": "tests/array/test_processing_element.py",
    "hw.sequence.loops": "tests/core/test_sequencer.py",
    "hw.sequence.taps": "tests/core/whole/test_patches.py",
    "hw.serial.frame_bridge": "tests/board/test_serial_board.py",
    "hw.serial.serial_core": "tests/board/test_serial_board.py",
    "sim.devices.serial_board": "tests/board/test_serial_board.py",
    "sim.devices.serial_link": "tests/serial/test_link_faults.py",
    "sim.devices.simulated": "tests/sim/devices/test_device.py",
    "sim.model.loader": "tests/sim/test_exact.py",
    "sim.model.output_stage": "tests/sim/test_exact.py",
    "sim.model.requantizer": "tests/sim/test_exact.py",
    "sim.model.result_buffer": "tests/sim/test_exact.py",
    "sim.model.sequencer": "tests/sim/test_exact.py",
    "sim.network.step.ways": "tests/sim/network/test_estimate.py",
    "sim.network.walks": "tests/sim/network/test_plan.py",
    "sim.workloads.attention": "tests/sim/workloads/test_tables.py",
    "sim.workloads.convolutional": "tests/sim/workloads/test_tables.py",
}
"""Modules whose tests have another name: where they are. The stages of ``sim.model`` are held to the hardware as one."""


def test_layers_are_kept():
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    done = subprocess.run([sys.executable, "-c", program, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_broken_layer_is_found(tmp_path):
    """The same contracts, and one import from below to above."""
    settings = (ROOT / "pyproject.toml").read_text().split("[tool.importlinter]")[1]
    (tmp_path / "pyproject.toml").write_text(f"[tool.importlinter]{settings}")
    for package in PACKAGES:
        (tmp_path / package).symlink_to(ROOT / package)
    (tmp_path / "golden").unlink()
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "__init__.py").write_text("import hw.config\n")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from importlinter.cli import lint_imports_command; "
        "sys.exit(lint_imports_command())"
    )
    done = subprocess.run([sys.executable, "-c", program, "--no-cache"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "golden -> hw.config" in done.stdout


def circle(imports: dict[str, set[str]]) -> list[str]:
    """Modules that import each other, in order and back to the first; empty where there are none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_modules_import_each_other():
    """Nor inside of functions, nor for types alone."""
    graph = build_graph(*PACKAGES, cache_dir=None)
    assert circle({module: graph.find_modules_directly_imported_by(module) for module in graph.modules}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) != []


def test_rooms_are_not_crowded():
    """A folder with more than a dozen modules wants rooms of its own."""
    for package in (*PACKAGES, "tests"):
        for folder in [ROOT / package, *(ROOT / package).rglob("*/")]:
            modules = [path for path in folder.glob("*.py") if path.name not in ("__init__.py", "__main__.py")]
            assert len(modules) <= 12, f"{folder.relative_to(ROOT)} has {len(modules)} modules"


def test_every_room_says_what_it_is_for():
    """A package with modules has a docstring in its ``__init__.py``."""
    silent = []
    for package in PACKAGES:
        for path in (ROOT / package).rglob("__init__.py"):
            if not path.read_text(encoding="utf-8").startswith('"""'):
                silent.append(str(path.relative_to(ROOT)))
    assert silent == []


def public_classes() -> dict[str, list[str]]:
    """Modules by the names of the public classes that they define."""
    found = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return found


def view_of(module: str) -> str:
    """The place of ``VIEWS`` that a module belongs to; another module stands for itself."""
    return next((view for view in VIEWS if module == view or module.startswith(f"{view}.")), module)


def test_a_class_has_a_name_of_its_own():
    """But for a stage of the machine, which has the same name in each of ``VIEWS``, once in each."""
    shared = {}
    for name, modules in public_classes().items():
        views = [view_of(module) for module in modules]
        if len(views) > 1 and not (set(views) <= set(VIEWS) and len(set(views)) == len(views)):
            shared[name] = modules
    assert shared == {}


def test_a_module_has_tests_of_its_name():
    """In the room of its name, or a home in ``HOMES``, which are no more than are needed."""
    without = set()
    for package, tests in (("hw", Path("tests")), ("sim", Path("tests", "sim"))):
        for path in (ROOT / package).rglob("*.py"):
            name = path.relative_to(ROOT / package)
            room = Path("tests", "generate") if name == Path(path.name) and package == "hw" else tests / name.parent
            if not path.name.startswith("__") and not (ROOT / room / f"test_{path.name}").is_file():
                without.add(".".join((package, *name.with_suffix("").parts)))
    assert without == set(HOMES)
    assert [home for home in HOMES.values() if not (ROOT / home).is_file()] == []
