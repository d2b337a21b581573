"""Imports inside the package go downwards only (docs/architecture.md), so every layer can be read alone."""

import ast
from pathlib import Path

import occlusion_toolkit

PACKAGE = Path(occlusion_toolkit.__file__).parent
LAYERS = (
    ("errors",),
    ("files",),
    ("body",),
    ("data", "models"),
    ("sweep",),
    ("plotting",),
    ("open_world", "find"),
    (
        "heatmaps",
        "attention_maps",
        "surveys",
        "meshes",
        "evaluation",
        "comparison",
        "confidences",
        "training",
        "breaking_sizes",
        "influences",
        "flips",
        "natural_occlusion",
        "worst_pairs",
        "report",
    ),
    ("studies",),
    ("cli",),
)


def layer_of(module: str) -> int | None:
    """Index of the most specific layer entry that `module` (relative to the package) belongs to."""
    best: tuple[int, int] | None = None
    for index, names in enumerate(LAYERS):
        for name in names:
            if (module == name or module.startswith(name + ".")) and (best is None or len(name) > best[0]):
                best = (len(name), index)
    return None if best is None else best[1]


def package_imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("occlusion_toolkit."):
            found.add(node.module.removeprefix("occlusion_toolkit."))
        elif isinstance(node, ast.Import):
            found |= {
                alias.name.removeprefix("occlusion_toolkit.")
                for alias in node.names
                if alias.name.startswith("occlusion_toolkit.")
            }
    return found


def test_imports_go_downwards_only():
    violations = []
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        own = layer_of(module)
        if own is None:
            continue
        violations += [
            f"{module} imports {other}"
            for other in package_imports(path)
            if (rank := layer_of(other)) is not None and rank > own
        ]
    assert violations == []


def test_every_module_belongs_to_a_layer():
    modules = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")}
    assert {name for name in modules if layer_of(name) is None} <= {"__init__", "__main__"}
