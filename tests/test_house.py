"""The house as a whole: who imports whom, how many live in a room, and what each room is called."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("golden", "hw", "sim", "synth", "hbfp")


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
