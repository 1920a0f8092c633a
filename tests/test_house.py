"""The house as a whole: who imports whom, how many live in a room, and what each room is called."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("golden", "hw", "sim", "synth", "hbfp")
STAGES = ("golden", "hw", "sim.model")
"""Where a stage has its name from the datapath: its arithmetic, its hardware, its time."""
NAMED_TWICE = {
    "AlignedState": "one state, in golden's numbers one by one and in its arrays",
    "Layer": "sim counts a layer's products, hbfp.torch computes them",
    "Place": "where a layer is in a graph, and where in a training run",
    "Recipe": "of training, and of the synthesis tools",
    "Schedule": "golden's published ones, and those that hbfp.torch composes",
    "Table": "of a Liberty file, and of a report",
    "Task": "a product for a device, and what a network learns",
    "Timing": "a core's cycles, and a netlist's delays",
}
"""Other names that two public classes share, and what each means."""


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


def test_rooms_are_not_crowded():
    """A folder with more than a dozen modules wants rooms of its own."""
    for package in PACKAGES:
        for folder in [ROOT / package, *(ROOT / package).rglob("*/")]:
            modules = [path for path in folder.glob("*.py") if path.name not in ("__init__.py", "__main__.py")]
            assert len(modules) <= 14, f"{folder.relative_to(ROOT)} has {len(modules)} modules"


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


def layer_of(module: str) -> str:
    return next((stages for stages in STAGES if module.startswith(f"{stages}.")), module)


def test_a_class_has_a_name_of_its_own():
    """But for a stage in each of ``STAGES``, and the pairs of ``NAMED_TWICE``."""
    shared = {name: modules for name, modules in public_classes().items() if len(modules) > 1}
    others = {name for name, modules in shared.items() if sorted(map(layer_of, modules)) not in (
        ["golden", "hw"], ["hw", "sim.model"], ["golden", "hw", "sim.model"])}  # fmt: skip
    assert {name: shared[name] for name in others - set(NAMED_TWICE)} == {}
    assert set(NAMED_TWICE) <= others, "a name of NAMED_TWICE is there once"
    assert all(len(shared[name]) == 2 for name in NAMED_TWICE)
