"""The cards keep their own promises: numbered, described on their page, and never at a live account."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ig_sdk.simulator import Simulator

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PAGE = ROOT / "docs" / "how-to" / "check-the-simulator-against-your-demo-account.md"
LOGIN = {"IG_API_KEY": "key", "IG_USERNAME": "user", "IG_PASSWORD": "word"}
SURE = ("documented", "observed", "reported once", "our choice")


def cards() -> list[tuple[str, str, str, str]]:
    """Number, sentence, source and certainty of every card, read from the files."""
    found = []
    for path in sorted(HERE.glob("test_cards_[!t]*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "card":
                    words = {each.arg: ast.literal_eval(each.value) for each in mark.keywords}
                    number = ast.literal_eval(mark.args[0])
                    found.append((number, ast.get_docstring(node) or "", words["source"], words["sure"]))
    return found


def test_cards_are_numbered():
    """Numbers are unique, run from 01 in each group, and each card is one sentence with its source."""
    found = cards()
    groups: dict[str, list[int]] = {}
    for number, sentence, source, sure in found:
        group, _, serial = number.rpartition("-")
        groups.setdefault(group, []).append(int(serial))
        assert sentence.endswith("."), number
        assert "\n" not in sentence, number
        assert source.startswith(("REST.md section", "IG-SPECIFICS.md section")), number
        assert sure.startswith(SURE), number
    assert len(found) >= 40
    assert all(serials == list(range(1, len(serials) + 1)) for serials in groups.values()), groups


def test_every_test_of_the_cards_is_a_card():
    """No test beside them has been forgotten."""
    tests = {path: path.read_text(encoding="utf-8").count("\ndef test_") for path in HERE.glob("test_cards_[!t]*.py")}
    assert sum(tests.values()) == len(cards())


def test_the_page_lists_the_cards():
    """The page's table has exactly the cards, in their words."""
    wanted = [f"| {' | '.join(card)} |" for card in cards()]
    there = re.findall(r"^\| TC-.*\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert there == wanted, "the table must be:\n" + "\n".join(wanted)


def test_without_a_login_ig_is_not_asked(choose):
    """An environment without key, user or password chooses the simulator alone, no matter what else it holds."""
    for name in LOGIN:
        left = {key: value for key, value in LOGIN.items() if key != name}
        assert choose({**left, "IG_SOMETHING": "else", "IG_ENVIRONMENT": "live"}).config is None


def test_a_login_leads_to_demo(choose):
    """With a login it is IG's demo, no deals, at a considerate pace; deals and another pace only when asked for."""
    chosen = choose(LOGIN)
    assert (chosen.config.environment, chosen.refused, chosen.deals) == ("demo", None, False)
    assert chosen.config.base_url == "https://demo-api.ig.com/gateway/deal"
    assert chosen.per_minute < 10
    asked = choose({**LOGIN, "IG_SDK_CARDS_DEAL": "1", "IG_SDK_CARDS_PER_MINUTE": "20"})
    assert (asked.deals, asked.per_minute) == (True, 20)
    assert choose({**LOGIN, "IG_ENVIRONMENT": "simulator"}).config is None


@pytest.mark.parametrize(
    "more",
    [
        {"IG_ENVIRONMENT": "live"},
        {"IG_ACC_TYPE": "LIVE"},
        {"IG_BASE_URL": "https://api.ig.com/gateway/deal"},
        {"IG_BASE_URL": "https://example.com/gateway/deal"},
        {"IG_READ_TIMEOUT_S": "soon"},
    ],
)
def test_live_is_refused(choose, more):
    """Another environment, another address or a setting that cannot be used: IG is not asked, and it is said why."""
    chosen = choose({**LOGIN, **more})
    assert chosen.config is None
    assert chosen.refused


def test_this_run_was_not_refused(choice):
    """A run with a login that may not be used fails by this one test, instead of passing quietly."""
    assert choice.refused is None, choice.refused


@pytest.fixture
def demo_run():
    """Run cards in a process whose environment takes a simulator for IG's demo; return its exit status and output."""

    def run(sim: Simulator, chosen: str, **env: str) -> tuple[int, str]:
        own = sim.credentials
        login = {"IG_API_KEY": own.api_key, "IG_IDENTIFIER": own.identifier, "IG_PASSWORD": own.password}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", str(HERE), "-n0", "-p", "no:cacheprovider", "-k", chosen],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                **login,
                "IG_BASE_URL": sim.rest_url,
                "IG_SDK_CARDS_PER_MINUTE": "1e6",
                **env,
            },
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert own.api_key not in done.stdout
        assert own.password not in done.stdout
        return done.returncode, done.stdout

    return run


DEALING = "ig-demo and (test_netting or test_own_reference or test_order_on or test_order or test_application)"


def test_no_deal_without_being_asked(demo_run):
    """At IG's demo the cards that deal are skipped and say how to run them; the others run."""
    with Simulator(speed=20) as sim:
        status, out = demo_run(sim, DEALING)
        assert status == 0, out
        assert "only with IG_SDK_CARDS_DEAL=1" in out
        assert re.search(r"1 passed, [4-9] skipped", out), out
        assert not sim.requests("POST", "/positions/otc")
        assert not sim.requests("POST", "/workingorders/otc")


def test_deals_are_undone(demo_run):
    """When asked to, they deal, and leave neither a position nor an order of theirs; what was there before stays."""
    with Simulator(speed=20) as sim, sim.client() as ig:
        mine = ig.positions.open("GBPUSD", "BUY", 1)
        status, out = demo_run(sim, DEALING, IG_SDK_CARDS_DEAL="1")
        assert status == 0, out
        assert "skipped" not in out
        assert len(sim.requests("POST", "/positions/otc")) > 3
        assert [each.deal_id for each in ig.positions.list()] == [mine.deal_id]
        assert ig.orders.list() == []


def test_a_failing_card_can_be_reported(demo_run):
    """It prints what was expected and from where, what was exchanged, and asks for the report; no token is shown."""
    with Simulator(speed=20) as sim:
        sim.faults.rest(status=404, code="invalid.url", times=None, path="/markets/CS.D.EURUSD.MINI.IP")
        status, out = demo_run(sim, "ig-demo and (test_market_v3 or test_v2_login)")
    assert status == 1
    report = out.split("card TC-MKT-03", 1)[1]
    assert "expected:  Market version 3 has" in report
    assert "source:    REST.md section 5" in report
    assert "venue:     IG's demo" in report
    assert "exchanged: GET /markets/CS.D.EURUSD.MINI.IP VERSION 3 -> 404 invalid.url" in report
    assert "Please report these lines; docs/how-to/check-the-simulator" in report
    assert not re.search(r"[0-9a-f]{64}", out)  # the form of the simulator's tokens
