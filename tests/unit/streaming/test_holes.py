"""One hole is one hole, however often the line breaks in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.streaming.holes import Holes


def test_the_same_session_that_goes_on_has_no_hole():
    """A break that was recovered ends without loss."""
    holes = Holes()
    assert holes.begin(3.0, "cut")
    assert holes.open
    holes.resume()
    assert not holes.open


def test_another_session_leaves_the_hole_open_until_its_first_row():
    """Its length counts from the last that can have come."""
    holes = Holes()
    holes.begin(3.0, "cut")
    holes.replace()
    assert holes.open
    assert holes.replaced
    assert (holes.reason, holes.end(10.0)) == ("cut", 7.0)
    assert not holes.open


def test_breaks_before_the_first_row_belong_to_the_same_hole():
    """The second break begins nothing, and a recovery of the new session does not undo the loss of the old one."""
    holes = Holes()
    assert holes.begin(3.0, "cut")
    holes.replace()
    assert not holes.begin(5.0, "cut again")
    holes.resume()
    assert holes.open
    assert holes.end(10.0) == 7.0


def test_a_replaced_session_of_an_item_without_rows_has_no_hole():
    """Nothing had been accepted: nothing can be missing."""
    holes = Holes()
    holes.replace()
    assert not holes.replaced


@given(st.lists(st.sampled_from(["begin", "replace", "resume", "row"]), max_size=40))
def test_every_loss_is_told_once(steps: list[str]):
    """Whatever order: between two rows there is one hole at most, and exactly one if a session was replaced in it."""
    holes, told, replaced = Holes(), 0, False
    for now, step in enumerate(steps):
        if step == "begin":
            holes.begin(float(now), "")
        elif step == "replace":
            replaced = replaced or holes.open
            holes.replace()
        elif step == "resume":
            holes.resume()
        else:
            if holes.replaced:
                assert 0.0 <= holes.end(float(now)) <= now
                told += 1
            assert told == replaced
            told, replaced = 0, False
