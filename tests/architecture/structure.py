"""Count how the package is built: ``python tests/architecture/structure.py [CHECKOUT]`` prints a line for each folder.

Counted are the modules that lie below a folder and the imports between them, those for type checkers included: how many
modules there are, how many of them lie in the folder itself, the arrows (one module importing another), the floors (the
longest chain of such imports, circles taken as one floor) and the circles (groups of modules that import each other).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))
from import_graph import PACKAGE, imports, module_files  # noqa: E402 -- the documentation draws from the same imports

Graph = Mapping[str, set[str]]


@dataclass(frozen=True)
class Folder:
    """What was counted below one folder.

    Attributes:
        name: The folder as a package.
        modules: Modules below it at any depth.
        own: Modules that lie in it, its ``__init__`` left out.
        arrows: Pairs of modules of which one imports the other.
        floors: Modules in the longest chain of imports.
        circles: Groups of modules that import each other.
    """

    name: str
    modules: int
    own: int
    arrows: int
    floors: int
    circles: tuple[tuple[str, ...], ...]


def graph_of(root: Path = ROOT) -> dict[str, set[str]]:
    """Return whom each module of the checkout at ``root`` imports; doors (an ``__init__``) are left out on both ends."""
    modules = {name for name, path in module_files(root).items() if path.name != "__init__.py"}
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for edge in imports(root):
        if {edge.source, edge.target} <= modules:
            graph[edge.source].add(edge.target)
    return graph


def circles(graph: Graph) -> list[tuple[str, ...]]:
    """Return the groups of modules that reach each other, each sorted (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[tuple[str, ...]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name] & graph.keys()):
            if other not in index:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            found.append(tuple(sorted(group)))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return [group for group in found if len(group) > 1]


def floors(graph: Graph) -> int:
    """Return the number of modules in the longest chain of imports; a circle is one floor."""
    group_of = {name: group for group in circles(graph) for name in group}
    heights: dict[str, int] = {}

    def height(name: str) -> int:
        if name not in heights:
            members = group_of.get(name, (name,))
            below = {other for member in members for other in graph[member] & graph.keys()} - set(members)
            value = 1 + max((height(other) for other in below), default=0)
            heights.update(dict.fromkeys(members, value))
        return heights[name]

    return max((height(name) for name in graph), default=0)


def count(root: Path) -> list[Folder]:
    """Return what was counted for the whole package and for each of its folders."""
    whole = graph_of(root)
    packages = [name for name, path in module_files(root).items() if path.name == "__init__.py"]
    rows = []
    for package in sorted(packages):
        inside = {name for name in whole if name.startswith(f"{package}.")}
        graph = {name: whole[name] & inside for name in inside}
        own = sum(name.rpartition(".")[0] == package for name in inside)
        arrows = sum(len(targets) for targets in graph.values())
        rows.append(Folder(package, len(inside), own, arrows, floors(graph), tuple(circles(graph))))
    return rows


def main(root: Path) -> None:
    """Print the table."""
    print(f"{'folder':40}{'modules':>8}{'own':>6}{'arrows':>8}{'floors':>8}{'circles':>9}")
    for row in count(root):
        print(f"{row.name:40}{row.modules:8}{row.own:6}{row.arrows:8}{row.floors:8}{len(row.circles):9}")
        for circle in row.circles:
            print("    circle: " + ", ".join(name.removeprefix(f"{PACKAGE}.") for name in circle))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT)
