"""A Sphinx extension: a page for every module, and a public name without a docstring ends the build."""

import ast
from pathlib import Path

from sphinx.addnodes import pending_xref
from sphinx.errors import ExtensionError

GIVEN = {"elaborate", "module_name", "key", "moment", "parts", "forward", "backward"}
"""Members whose contract is their base's: of every hardware component, of every stage of the cycle
model, and of every module of PyTorch."""
NAMED = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def is_overload(node: NAMED) -> bool:
    """Whether it only says a type: the function itself, which comes after, has the docstring."""
    return any(isinstance(decorator, ast.Name) and decorator.id == "overload" for decorator in node.decorator_list)


def undocumented(tree: ast.Module) -> list[str]:
    """Public classes, functions and methods of a module that have no docstring; the module itself is "the module"."""
    missing = ["the module"] if tree.body and not ast.get_docstring(tree) else []
    for node in tree.body:
        if not isinstance(node, NAMED) or node.name.startswith("_") or is_overload(node):
            continue
        if not ast.get_docstring(node):
            missing.append(node.name)
        for member in node.body if isinstance(node, ast.ClassDef) else ():
            open_to_all = isinstance(member, NAMED) and not member.name.startswith("_") and member.name not in GIVEN
            if open_to_all and not ast.get_docstring(member):
                missing.append(f"{node.name}.{member.name}")
    return missing


def modules(root: Path, package: str) -> dict[str, Path]:
    """Sources of a package by dotted name: packages, and modules that a user does not run."""
    found = {}
    for path in sorted((root / package).rglob("*.py")):
        name = path.relative_to(root).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        if path.stem != "__main__":
            found[name] = path
    return found


def page_of(name: str, below: list[str], sources: dict[str, Path]) -> str:
    """The page of a module: a package lists what is in it, with the first sentence of each.

    Only packages stand in the site's tree: with every module there, the side bar was longer than any page, and
    writing it into each page took three quarters of the build.
    """
    title = [name.replace("_", r"\_"), "=" * (len(name) + name.count("_"))]
    if not below:
        parent = name.rpartition(".")[0]
        return "\n".join([":orphan:", "", *title, "", f"In :doc:`{parent}`.", "", f".. automodule:: {name}", ""])
    packages = [other for other in below if sources[other].name == "__init__.py"]
    rows = [f"* - :doc:`{other}`\n     - {sentence(sources[other])}" for other in below]
    table = [".. list-table::", "   :widths: 30 70", "", *(f"   {row}" for row in rows), ""] if below else []
    tree = [".. toctree::", "   :hidden:", "", *(f"   {other}" for other in packages), ""] if packages else []
    # What a package passes on is indexed where it is defined.
    return "\n".join([*title, "", f".. automodule:: {name}", "   :no-index:", "", *table, *tree])


def sentence(source: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    first = (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
    return " ".join(first.split())


def write_pages(app) -> None:
    """Write ``api/<module>.rst`` for every module of ``documented_packages``, and the tree of them.

    Raises
    ------
    ExtensionError
        Naming every public name without a docstring.
    """
    root, folder, missing = Path(app.confdir).parent, Path(app.srcdir) / "api", []
    folder.mkdir(exist_ok=True)
    pages = {}
    for package in app.config.documented_packages:
        sources = modules(root, package)
        for name, path in sources.items():
            missing += [f"{name}: {what}" for what in undocumented(ast.parse(path.read_text(encoding="utf-8")))]
            below = [other for other in sources if other.rpartition(".")[0] == name]
            pages[folder / f"{name}.rst"] = page_of(name, below, sources)
    if missing:
        raise ExtensionError("no docstring: " + "; ".join(missing))
    for page in set(folder.glob("*.rst")) - set(pages):
        page.unlink()
    for page, text in pages.items():
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def leave_unlinked(app, doctree) -> None:
    """Types that are no class of ours (``int``, ``bytes``) are no links to some attribute of that name."""
    for node in list(doctree.findall(pending_xref)):
        target = node.get("reftarget", "")
        if node.get("reftype") == "class" and "." not in target and not target[:1].isupper():
            node.replace_self(node.children)


def setup(app) -> dict:
    """Sphinx's entry point."""
    app.add_config_value("documented_packages", (), "env")
    app.connect("builder-inited", write_pages)
    app.connect("doctree-read", leave_unlinked)
    return {"parallel_read_safe": True}
