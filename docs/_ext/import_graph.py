"""The picture of imports and the table of folders: read from the package and from the contract in setup.cfg.

Sphinx draws it at every build and ``tests/architecture`` checks it, so that neither can grow old.
"""

from __future__ import annotations

import ast
import configparser
import html
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "ig_sdk"
# DESIGN's one exception: a client whose environment is "simulator" starts one, and imports it only then.
LAZY_EDGE = ("client", "simulator")


@dataclass(frozen=True)
class Import:
    """One module importing another.

    Attributes:
        source: Full name of the importing module.
        target: Full name of the imported module.
        lazy: Whether the import stands inside a function.
        line: Where.
    """

    source: str
    target: str
    lazy: bool
    line: int


def module_files(root: Path = ROOT) -> dict[str, Path]:
    """Return every module of the package by its full name."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def layers(root: Path = ROOT) -> list[list[str]]:
    """Return the layers of the import-linter contract, highest first, without the package's name."""
    contracts = configparser.ConfigParser()
    contracts.read(root / "setup.cfg", encoding="utf-8")
    rows = contracts["importlinter:contract:layers"]["layers"].split("\n")
    return [[name.strip(" ()").removeprefix(f"{PACKAGE}.") for name in row.split("|")] for row in rows if row.strip()]


def imports(root: Path = ROOT) -> list[Import]:
    """Return all imports between modules of the package, those for type checkers included.

    An ``__init__`` that names its public things for type checkers imports them at run time when they are first
    used, so these count too.
    """
    files = module_files(root)
    found = []
    for name, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node, lazy in _import_nodes(tree, lazy=False):
            targets = _targets(node, name, files)
            found += [Import(name, target, lazy, node.lineno) for target in targets if target != name]
    return found


def _import_nodes(node: ast.AST, *, lazy: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, lazy
        else:
            inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from _import_nodes(child, lazy=lazy or inside)


def _targets(node: ast.Import | ast.ImportFrom, source: str, files: dict[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        base = source.split(".")
        if node.level:
            base = base[: len(base) - node.level + (files[source].name == "__init__.py")]
        else:
            base = []
        prefix = ".".join([*base, *([node.module] if node.module else [])])
        # `from package import name` means the submodule when there is one, else something inside the package.
        names = [f"{prefix}.{alias.name}" if f"{prefix}.{alias.name}" in files else prefix for alias in node.names]
    return (name for name in names if name.split(".")[0] == PACKAGE and name in files)


def area(module: str) -> str:
    """Return the box of the picture that a module belongs to: its first name below the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def area_edges(found: Iterable[Import]) -> set[tuple[str, str]]:
    """Return who imports whom among the boxes; the package's own ``__init__`` only re-exports and has no box."""
    pairs = {(area(edge.source), area(edge.target)) for edge in found}
    return {(source, target) for source, target in pairs if source and target and source != target}


def folders(root: Path = ROOT) -> str:
    """Return the tree of folders as a table in Markdown, each with the first sentence of its ``__init__``."""
    lines = ["| folder | what lives there |", "|---|---|"]
    for path in sorted((root / PACKAGE).rglob("__init__.py")):
        folder = path.parent.relative_to(root).as_posix()
        if folder != PACKAGE:
            indent = "&emsp;" * (folder.count("/") - 1)
            lines.append(f"| {indent}`{folder.removeprefix(f'{PACKAGE}/')}/` | {purpose(path)} |")
    return "\n".join([*lines, ""])


def purpose(path: Path) -> str:
    """Return the first sentence of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|").replace("``", "`")


BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 128, 38, 26, 52, 16


def draw(rows: list[list[str]], edges: set[tuple[str, str]]) -> str:
    """Return the boxes of ``rows``, top layer first, and an arrow for each of ``edges``, as SVG."""
    present = {name for edge in edges for name in edge}
    rows = [[name for name in row if name in present] for row in rows]
    rows = [row for row in rows if row]
    widest = max(len(row) for row in rows)
    width = 2 * MARGIN + widest * BOX_WIDTH + (widest - 1) * GAP_X
    height = 2 * MARGIN + len(rows) * BOX_HEIGHT + (len(rows) - 1) * GAP_Y
    places = {}
    for number, row in enumerate(rows):
        used = len(row) * BOX_WIDTH + (len(row) - 1) * GAP_X
        for column, name in enumerate(row):
            left = (width - used) / 2 + column * (BOX_WIDTH + GAP_X)
            places[name] = (left, MARGIN + number * (BOX_HEIGHT + GAP_Y))
    shown = [edge for edge in edges if edge[0] in places and edge[1] in places]
    ground = {name for row in rows[-2:] for name in row}
    # Nearly everybody uses the ground, so its arrows are faint and lie under the others.
    shown.sort(key=lambda edge: (edge[1] not in ground, edge))
    starts, ends = _anchors(shown, places, 0), _anchors(shown, places, 1)
    arrows = [_arrow(starts[edge], ends[edge], style=_style(edge, ground)) for edge in shown]
    boxes = [_box(name, *place) for name, place in places.items()]
    return "\n".join([_HEAD.format(width=width, height=height), *arrows, *boxes, "</svg>", ""])


_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" \
role="img" aria-label="Which part of ig_sdk imports which" font-family="sans-serif" font-size="14">
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0 L8 4 L0 8 z" fill="#7a8794"/></marker></defs>
<rect width="{width}" height="{height}" fill="#ffffff"/>"""


def _box(name: str, left: float, top: float) -> str:
    text = html.escape(name)
    size = f'width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"'
    middle = f'x="{left + BOX_WIDTH / 2:g}" y="{top + BOX_HEIGHT / 2 + 5:g}" text-anchor="middle"'
    return (
        f'<rect x="{left:g}" y="{top:g}" {size} fill="#e8f0f8" stroke="#31597f"/>'
        f'<text {middle} fill="#15283a">{text}</text>'
    )


def _style(edge: tuple[str, str], ground: set[str]) -> str:
    if edge == LAZY_EDGE:
        return 'stroke="#b3541e" stroke-dasharray="5 4" stroke-width="1.8"'
    return f'stroke="{"#c9d3dc" if edge[1] in ground else "#5d7286"}"'


def _anchors(
    edges: list[tuple[str, str]], places: dict[str, tuple[float, float]], end: int
) -> dict[tuple[str, str], tuple[float, float]]:
    """Return where each edge touches its box at one end, spread so that the arrows of a box do not cross there."""
    found = {}
    for name, (left, top) in places.items():
        touching = sorted((edge for edge in edges if edge[end] == name), key=lambda edge: places[edge[1 - end]])
        for number, edge in enumerate(touching, 1):
            below = places[edge[1 - end]][1] > top
            x = left + BOX_WIDTH * number / (len(touching) + 1)
            found[edge] = (x, top + (BOX_HEIGHT if below else 0))
    return found


def _arrow(start: tuple[float, float], end: tuple[float, float], *, style: str) -> str:
    (x1, y1), (x2, y2) = start, end
    bend = (y2 - y1) / 2
    path = f"M{x1:g} {y1:g} C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"
    return f'<path d="{path}" fill="none" {style} marker-end="url(#tip)"/>'


def _write(app: Any) -> None:
    folder = Path(app.srcdir) / "_build"
    folder.mkdir(exist_ok=True)
    for name, text in (("imports.svg", draw(layers(), area_edges(imports()))), ("folders.md", folders())):
        target = folder / name
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register the drawing with Sphinx."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
