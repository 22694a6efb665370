"""Two programs with several threads deal on one account through a proxy that cuts: what they are told is true."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "deals_through_faults.py"
# The script deals 2,000 times.
DEALS = 50


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The benchmark, as a module."""
    spec = importlib.util.spec_from_file_location("deals_through_faults", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("programs", [1, 2])
def test_what_is_told_is_what_the_broker_did(script: ModuleType, programs: int) -> None:
    """Never two deals for one call, never 'accepted' or 'rejected' for what is not so, never another deal's figures."""
    figures = script.run(DEALS, threads=8 // programs, programs=programs, late=False)
    assert figures.clean, figures.wrong
    assert figures.deals == DEALS
    assert figures.told["accepted"] > DEALS / 4
