"""What the pages about the streaming client say in tables is what the code says."""

from __future__ import annotations

import inspect
import re
from typing import get_args

import pytest

from ig_sdk.lightstreamer import (
    ClientListener,
    ConnectionStatus,
    LightstreamerClient,
    SecondLevel,
    Subscription,
    SubscriptionListener,
)
from ig_sdk.lightstreamer.tlcp.events import Continuity
from ig_sdk.lightstreamer.tlcp.policy import Verdict, session_verdict

# How the page says what a verdict leads to: the words that its row must hold.
WORDS = {
    Verdict.CREDENTIALS: "fresh credentials",
    Verdict.VERSION: "`protocol_versions`",
    Verdict.NEW: "at once if",
    Verdict.LATER: "after a wait",
    Verdict.MUCH_LATER: "longest wait",
    Verdict.POLLING: "polling",
    Verdict.HOME: "original address",
    Verdict.FEW: "three attempts",
    Verdict.STOP: "change nothing",
}
CODES = range(-1, 80)


@pytest.fixture(scope="module")
def reference(root) -> dict[str, list[list[str]]]:
    """The rows of the reference's tables by heading, each a list of cells."""
    return _tables((root / "docs" / "reference" / "lightstreamer.md").read_text(encoding="utf-8"))


def _tables(text: str) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
        found[section.splitlines()[0]] = [[cell.strip() for cell in row] for row in rows]
    return found


def _options(rows: list[list[str]]) -> dict[str, str]:
    return {name: row[1] for row in rows for name in re.findall(r"`(\w+)`", row[0])}


def _as_said(default: object) -> str:
    """How the tables write a default; of ``None`` also what it means follows."""
    if default is inspect.Parameter.empty:
        return "required"
    if isinstance(default, int) and default >= 1000:
        return f"{default:,}".replace(",", " ")
    return f"`{default!r}`".replace("'", '"') if not isinstance(default, float) else str(default)


@pytest.mark.parametrize(
    ("heading", "made"), [("Options of the client", LightstreamerClient), ("Options of a subscription", Subscription)]
)
def test_every_option_is_there_with_its_default(reference, heading, made):
    """The table has exactly the parameters of the constructor, each with the default that it has."""
    parameters = dict(inspect.signature(made).parameters)
    said = _options(reference[heading])
    assert set(said) == set(parameters)
    for name, parameter in parameters.items():
        expected = _as_said(parameter.default)
        assert said[name] == expected or (expected == "`None`" and said[name].startswith(("`None`", "the "))), name


def test_second_level_options_are_marked(reference):
    """The options that the second level has, too, are marked, and no other."""
    marked = {row[0].split("`")[1] for row in reference["Options of a subscription"] if "(2nd)" in row[0]}
    assert marked == set(inspect.signature(SecondLevel).parameters)


def test_statuses_and_continuity_are_there(reference):
    """Each status and each value of continuity has its row."""
    said = {row[0].strip('`"') for row in reference["Statuses and continuity"]} - {"status", "continuity"}
    assert said == {status.value for status in ConnectionStatus} | set(get_args(Continuity))


def test_every_callback_is_there(reference):
    """Each callback of the two listeners has its row, with the event that it gets."""
    said = {row[0].strip("`"): row[1].strip("`") for row in reference["Callbacks and their events"][1:]}
    real = {
        f"{listener.__name__}.{name}": list(inspect.signature(method).parameters.values())[1].annotation
        for listener in (ClientListener, SubscriptionListener)
        for name, method in vars(listener).items()
        if name.startswith("on_")
    }
    assert said == real


def test_codes_lead_where_the_page_says(root):
    """Each code of a refusal stands in the row of what is done about it."""
    page = (root / "docs" / "explanation" / "streaming-session.md").read_text(encoding="utf-8")
    rows = [row for row in _tables(page)["Trying again"] if row[0] != "code of the refusal or end"]
    said: dict[int, str] = {}
    for codes, done in rows:
        for first, last in re.findall(r"\b(\d+)(?: to (\d+))?", codes):
            said |= dict.fromkeys(range(int(first), int(last or first) + 1), done)
    unknown, adapter = (next(done for codes, done in rows if word in codes) for word in ("do not know", "below"))
    for code in CODES:
        verdict = session_verdict(code)
        assert WORDS[verdict] in said.get(code, adapter if code <= 0 else unknown), code
