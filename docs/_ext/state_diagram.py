"""The picture of a streaming session's states: drawn from the table that the session itself moves by.

Sphinx draws it at every build and ``tests/architecture`` checks it, so that the picture cannot grow old. Only where the
boxes stand is decided here; what the arrows are comes from ``TRANSITIONS``.
"""

from __future__ import annotations

import html
import textwrap
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ig_sdk.lightstreamer.tlcp.transitions import TRANSITIONS, Phase, Trigger

Table = Mapping[tuple[Phase, Trigger], Phase]
Point = tuple[float, float]

BOX_WIDTH, BOX_HEIGHT, LINE_HEIGHT, LETTER = 190, 64, 16, 7.3
WIDTH, HEIGHT = 1050, 780
# Middles of the boxes.
PLACES: dict[Phase, Point] = {
    Phase.WAITING: (380, 90),
    Phase.CONNECTING: (380, 225),
    Phase.CREATING: (240, 390),
    Phase.BINDING: (520, 390),
    Phase.STREAMING: (380, 550),
    Phase.STALLED: (380, 705),
    Phase.IDLE: (848, 90),
    Phase.FAILED: (848, 285),
    Phase.CLOSED: (848, 505),
    Phase.CLOSING: (848, 705),
}


@dataclass(frozen=True)
class Frame:
    """Phases that have arrows in common.

    Attributes:
        title: What they are together.
        members: Which.
        left: Edge.
        top: Edge.
        right: Edge.
        bottom: Edge.
    """

    title: str
    members: frozenset[Phase]
    left: float
    top: float
    right: float
    bottom: float


_UNDER_WAY = frozenset({Phase.WAITING, Phase.CONNECTING, Phase.CREATING, Phase.BINDING, Phase.STREAMING, Phase.STALLED})
_AT_REST = frozenset({Phase.IDLE, Phase.FAILED, Phase.CLOSED})
FRAMES = (
    Frame("under way", _UNDER_WAY, 130, 25, 630, 760),
    Frame("at rest", _AT_REST, 738, 25, 1040, 560),
)


@dataclass(frozen=True)
class Arrow:
    """Transitions that are drawn as one: of one phase, or of all phases of a frame.

    Attributes:
        sources: Where they begin.
        triggers: What causes them.
        target: Where they end.
        frame: The frame that the arrow begins at, or ``None`` for the one source.
    """

    sources: frozenset[Phase]
    triggers: tuple[Trigger, ...]
    target: Phase
    frame: Frame | None = None


def arrows(table: Table = TRANSITIONS) -> list[Arrow]:
    """Return what to draw for ``table``: each of its transitions is part of exactly one arrow."""
    causes: dict[tuple[Trigger, Phase], set[Phase]] = defaultdict(set)
    for (source, trigger), target in table.items():
        causes[trigger, target].add(source)
    found: dict[tuple[frozenset[Phase], Phase, Frame | None], list[Trigger]] = defaultdict(list)
    for (trigger, target), sources in causes.items():
        whole = [frame for frame in FRAMES if frame.members <= sources]
        for frame in whole:
            found[frame.members, target, frame].append(trigger)
        alone = sources.difference(*(frame.members for frame in whole))
        for source in sorted(alone, key=list(Phase).index):
            found[frozenset({source}), target, None].append(trigger)
    return [Arrow(sources, tuple(causes), target, frame) for (sources, target, frame), causes in found.items()]


def draw(table: Table = TRANSITIONS) -> str:
    """Return the picture of ``table`` as SVG."""
    homeless = sorted(phase.name for phase in Phase if phase not in PLACES)
    if homeless:
        raise ValueError(f"give {', '.join(homeless)} a place in the picture of the session's states")
    drawn = arrows(table)
    singles = {(next(iter(arrow.sources)), arrow.target) for arrow in drawn if arrow.frame is None}
    paths, labels = [], []
    for arrow in drawn:
        path, at, width = _from_frame(arrow) if arrow.frame else _from_box(arrow, singles)
        paths.append(f'<path d="{path}" fill="none" stroke="#5d7286" marker-end="url(#tip)"/>')
        labels.append(_label(" / ".join(trigger.value for trigger in arrow.triggers), at, width))
    boxes = [_box(phase) for phase in PLACES]
    return "\n".join([_HEAD, *map(_frame, FRAMES), *paths, *labels, *boxes, "</svg>", ""])


_HEAD = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" \
role="img" aria-label="States of a streaming session" font-family="sans-serif" font-size="14">
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">\
<path d="M0 0 L8 4 L0 8 z" fill="#5d7286"/></marker></defs>
<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>"""


def _frame(frame: Frame) -> str:
    size = f'width="{frame.right - frame.left:g}" height="{frame.bottom - frame.top:g}" rx="12"'
    return (
        f'<rect x="{frame.left:g}" y="{frame.top:g}" {size} fill="none" stroke="#a9b7c4" stroke-dasharray="5 4"/>'
        f'<text x="{frame.left + 14:g}" y="{frame.top + 22:g}" fill="#5d7286">{html.escape(frame.title)}</text>'
    )


def _box(phase: Phase) -> str:
    x, y = PLACES[phase]
    lines = textwrap.wrap(phase.value, 26)
    top = y - LINE_HEIGHT * len(lines) / 2
    text = f'<text x="{x:g}" y="{top + 4:g}" text-anchor="middle" fill="#15283a" font-weight="bold">{phase.name}</text>'
    return (
        f'<rect x="{x - BOX_WIDTH / 2:g}" y="{y - BOX_HEIGHT / 2:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"'
        f' fill="#e8f0f8" stroke="#31597f"/>{text}{_text(lines, (x, top + 4 + LINE_HEIGHT), "#3d5468")}'
    )


def _text(lines: list[str], first: Point, colour: str) -> str:
    return "".join(
        f'<text x="{first[0]:g}" y="{first[1] + LINE_HEIGHT * number:g}" text-anchor="middle" fill="{colour}">'
        f"{html.escape(line)}</text>"
        for number, line in enumerate(lines)
    )


def _label(text: str, at: Point, width: int) -> str:
    """Return what an arrow says: on a ground of its own, so that the line does not strike it through."""
    lines = textwrap.wrap(text, width)
    wide, high = LETTER * max(map(len, lines)) + 6, LINE_HEIGHT * len(lines) + 4
    ground = (
        f'<rect x="{at[0] - wide / 2:g}" y="{at[1] - high / 2:g}" width="{wide:g}" height="{high}" fill="#ffffff"/>'
    )
    return ground + _text(lines, (at[0], at[1] - high / 2 + LINE_HEIGHT - 1), "#15283a")


def _from_frame(arrow: Arrow) -> tuple[str, Point, int]:
    """Return the way of an arrow that leaves a whole frame, where its label stands, and how wide that may be."""
    frame = arrow.frame
    assert frame is not None
    x, y = PLACES[arrow.target]
    if arrow.target in frame.members:  # around the frame's left side
        out, start = frame.left - 62, frame.bottom - 90
        end = x - BOX_WIDTH / 2
        way = f"M{frame.left:g} {start:g} H{out + 12:g} Q{out:g} {start:g} {out:g} {start - 12:g}"
        way += f" V{y + 12:g} Q{out:g} {y:g} {out + 12:g} {y:g} H{end:g}"
        return way, (out, (start + y) / 2), 14
    back = x < frame.left
    start, end = (frame.left, x + BOX_WIDTH / 2) if back else (frame.right, x - BOX_WIDTH / 2)
    # Beside the edge of another frame, if the way crosses one.
    middle = next((edge for one in FRAMES if one is not frame and start > (edge := one.right) > end), (start + end) / 2)
    middle = (start + middle) / 2 if back else middle
    return f"M{start:g} {y:g} H{end:g}", (middle, y), 11


def _from_box(arrow: Arrow, others: set[tuple[Phase, Phase]]) -> tuple[str, Point, int]:
    """Return the way of an arrow between two boxes, where its label stands, and how wide that may be."""
    (source,) = arrow.sources
    (x1, y1), (x2, y2) = PLACES[source], PLACES[arrow.target]
    half = BOX_HEIGHT / 2 if y2 > y1 else -BOX_HEIGHT / 2
    if any(place[0] == x1 == x2 and min(y1, y2) < place[1] < max(y1, y2) for place in PLACES.values()):
        # Around the boxes between.
        right = x1 + BOX_WIDTH / 2
        out = right + 54
        way = f"M{right:g} {y1:g} H{out - 12:g} Q{out:g} {y1:g} {out:g} {y1 + 12:g}"
        way += f" V{y2 - 12:g} Q{out:g} {y2:g} {out - 12:g} {y2:g} H{right:g}"
        return way, (out - 2, (y1 + y2) / 2), 11
    # There and back side by side; each keeps to its own right.
    aside = 0.0 if (arrow.target, source) not in others else (-62.0 if y2 > y1 else 62.0)
    lean = (x2 - x1) / 4  # slanting arrows leave and arrive nearer to each other
    start, end = (x1 + lean + aside, y1 + half), (x2 - lean + aside, y2 - half)
    way = f"M{start[0]:g} {start[1]:g} L{end[0]:g} {end[1]:g}"
    return way, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), 17


def _write(app: Any) -> None:
    folder = Path(app.srcdir) / "_build"
    folder.mkdir(exist_ok=True)
    target, picture = folder / "session-states.svg", draw()
    if not target.exists() or target.read_text(encoding="utf-8") != picture:
        target.write_text(picture, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register the drawing with Sphinx."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
