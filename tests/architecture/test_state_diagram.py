"""The documentation's picture of a streaming session's states."""

from __future__ import annotations

import importlib.util
import sys
import xml.etree.ElementTree as ET
from types import ModuleType

import pytest

from ig_sdk.lightstreamer.tlcp.transitions import TRANSITIONS, Phase, Trigger

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def state_diagram(root) -> ModuleType:
    """The module that draws the picture."""
    spec = importlib.util.spec_from_file_location("state_diagram", root / "docs" / "_ext" / "state_diagram.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_picture_has_every_transition_once(state_diagram):
    """The arrows together are the session's own table: nothing missing, nothing twice, nothing besides."""
    drawn = [
        ((source, trigger), arrow.target)
        for arrow in state_diagram.arrows()
        for source in arrow.sources
        for trigger in arrow.triggers
    ]
    assert len(drawn) == len(TRANSITIONS)
    assert dict(drawn) == TRANSITIONS


def test_picture_follows_the_table(state_diagram):
    """A transition that the whole of a frame does not share is drawn from its own box."""
    table = {key: target for key, target in TRANSITIONS.items() if key != (Phase.WAITING, Trigger.STOP)}
    assert not any(arrow.frame for arrow in state_diagram.arrows(table) if Trigger.STOP in arrow.triggers)
    assert state_diagram.draw(table) != state_diagram.draw()


def test_picture_is_complete_and_well_formed(state_diagram):
    """The drawing is XML with a box for each phase, an arrow for each group of transitions and a label for each."""
    picture = ET.fromstring(state_diagram.draw())
    said = [text.text or "" for text in picture.iter(f"{SVG}text")]
    assert {phase.name for phase in Phase} <= set(said)
    words = " ".join(said)
    assert all(trigger.value.split()[-1] in words for _, trigger in TRANSITIONS)
    arrows = state_diagram.arrows()
    assert len(list(picture.iter(f"{SVG}path"))) == len(arrows) + 1  # the arrow head is one


def test_boxes_do_not_overlap(state_diagram):
    """Each box stands apart from the others and inside the picture, and inside its frame if it has one."""
    places = list(state_diagram.PLACES.items())
    wide, high = state_diagram.BOX_WIDTH, state_diagram.BOX_HEIGHT
    for number, (phase, (x, y)) in enumerate(places):
        assert wide / 2 < x < state_diagram.WIDTH - wide / 2, phase
        assert high / 2 < y < state_diagram.HEIGHT - high / 2, phase
        for other, (x2, y2) in places[:number]:
            assert abs(x - x2) > wide or abs(y - y2) > high, (phase, other)
        for frame in state_diagram.FRAMES:
            inside = frame.left < x < frame.right and frame.top < y < frame.bottom
            assert inside == (phase in frame.members), phase


def test_phase_without_a_place_is_refused(state_diagram, monkeypatch):
    """A phase that nobody gave a place stops the build and is named."""
    monkeypatch.delitem(state_diagram.PLACES, Phase.STALLED)
    with pytest.raises(ValueError, match="STALLED"):
        state_diagram.draw()
