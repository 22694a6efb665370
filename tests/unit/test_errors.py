"""The error tree."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable

import pytest

from ig_sdk import errors
from ig_sdk.errors import (
    APIError,
    ConfigError,
    DealRejected,
    DealUncertain,
    DecodeError,
    IGError,
    InvalidDeal,
    RateLimited,
    RequestTimeout,
    StreamProtocolError,
    StreamRefused,
    TransportError,
    UsageError,
)
from ig_sdk.types import Confirm


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Every error class is drawn in the module's docstring, and is an IGError."""
    classes = [thing for _, thing in inspect.getmembers(errors, inspect.isclass) if thing.__module__ == errors.__name__]
    assert len(classes) > 20
    for each in classes:
        assert issubclass(each, IGError)
        assert each.__name__ in (errors.__doc__ or "")


def test_the_hint_is_part_of_the_text() -> None:
    """What to do follows what went wrong."""
    assert str(IGError("it broke")) == "it broke"
    error = IGError("it broke", hint="mend it")
    assert (str(error), error.message, error.hint) == ("it broke (mend it)", "it broke", "mend it")


def test_errors_are_also_what_python_calls_them() -> None:
    """A ConfigError is a ValueError, a UsageError a RuntimeError."""
    assert isinstance(ConfigError(["a"]), ValueError)
    assert isinstance(UsageError("a"), RuntimeError)


def test_config_error_keeps_every_fault() -> None:
    """All of them, each by itself, and together in the text."""
    error = ConfigError(["a is wrong", "b is missing"])
    assert error.faults == ("a is wrong", "b is missing")
    assert str(error) == "a is wrong; b is missing"


def test_errors_carry_what_a_handler_needs() -> None:
    """Whether it was sent, the status and code, the allowance, the place."""
    assert TransportError("x").sent == "maybe"
    api = APIError("x", status=400, code="c", method="GET", path="/p")
    assert (api.status, api.code, api.method, api.path) == (400, "c", "GET", "/p")
    limited = RateLimited("x", status=403, allowance="trading", retry_after=2.0)
    assert (limited.allowance, limited.retry_after, limited.status) == ("trading", 2.0, 403)
    decode = DecodeError("x", path="ticks.csv:17", excerpt="abc")
    assert (decode.path, decode.excerpt) == ("ticks.csv:17", "abc")
    cause = OSError("gone")
    refused = StreamRefused("x", code=65, cause=cause)
    assert (refused.code, refused.cause) == (65, cause)


def test_an_offending_line_is_cut() -> None:
    """However long the line was that a server sent."""
    assert len(StreamProtocolError("x", line="U" * 10_000).line) == 200


CONFIRM = Confirm(deal_reference="REF", deal_id=None, deal_status="REJECTED", reason="MARKET_CLOSED")


def test_a_rejection_names_its_reference_and_reason() -> None:
    """Both come from the confirm."""
    error = DealRejected("rejected", confirm=CONFIRM)
    assert (error.deal_reference, error.reason, error.confirm.accepted) == ("REF", "MARKET_CLOSED", False)


def test_an_uncertain_deal_is_looked_up_by_its_client() -> None:
    """resolve() asks the client that sent it; without a client it raises UsageError."""
    asked: list[float] = []

    def look(timeout: float) -> Confirm:
        asked.append(timeout)
        return CONFIRM

    error = DealUncertain("?", deal_reference="REF", why="timeout", resolver=look)
    assert error.resolve(7.0) is CONFIRM
    assert asked == [7.0]
    assert "do not send" in str(error)
    with pytest.raises(UsageError):
        DealUncertain("?", deal_reference="REF", why="timeout").resolve()


ERRORS = (
    IGError("x", hint="h"),
    ConfigError(["a", "b"], hint="h"),
    DecodeError("x", path="p", excerpt="e"),
    RequestTimeout("x", sent="no", method="GET", path="/p", hint="h"),
    APIError("x", status=400, code="c", method="GET", path="/p", hint="h"),
    RateLimited("x", status=403, allowance="trading", retry_after=2.0),
    InvalidDeal(["size: too small"], deal_reference="REF"),
    DealRejected("rejected", confirm=CONFIRM, hint="h"),
    DealUncertain("?", deal_reference="REF", why="timeout", resolver=lambda _: CONFIRM),
    StreamProtocolError("x", line="U", code=1, hint="h"),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_errors_go_to_other_processes(error: IGError, again: Callable[[IGError], IGError]) -> None:
    """Pickled or copied, an error says all that it said, but keeps no client to ask."""
    other = again(error)
    assert type(other) is type(error)
    assert (str(other), other.args) == (str(error), error.args)
    assert vars(other) == vars(error) | ({"_resolver": None} if isinstance(error, DealUncertain) else {})
