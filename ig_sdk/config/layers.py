"""Where configuration values come from: files, environment, arguments, each value with its source."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ig_sdk.config.rules import Rule
from ig_sdk.spelling import nearest

PREFIX = "IG_"
# The names of other clients (trading-ig, bennycode's ig-trading-api, ig-trading-lib), in order of
# precedence, below the library's own name. DESIGN section 4.
OLD_NAMES: Mapping[str, tuple[str, ...]] = {
    "api_key": ("IG_SERVICE_API_KEY",),
    "identifier": ("IG_USERNAME", "IG_SERVICE_USERNAME"),
    "password": ("IG_SERVICE_PASSWORD",),
    "account_id": ("IG_ACC_NUMBER", "IG_SERVICE_ACC_NUMBER"),
    "environment": ("IG_ACC_TYPE", "IG_SERVICE_ACC_TYPE"),
}
# IG_ACC_TYPE is DEMO or LIVE; some people set it to the kind of account (AccountType of IG's reference).
_ACCOUNT_TYPES = ("CFD", "SPREADBET", "PHYSICAL")
# Read elsewhere (IG_LAYER) or by the project's own tests (IG_SDK_…): not configuration keys.
_RESERVED = ("IG_LAYER",)
_RESERVED_PREFIX = "IG_SDK_"

# Equal to `config/test.json` of a checkout (a test checks it): the test layer must never lead to IG where that file is
# missing.
TEST_LAYER: Mapping[str, object] = {"environment": "simulator"}


class Sourced(NamedTuple):
    """A value and where it came from."""

    value: object
    source: str


Rules = Mapping[str, Rule]  # by dotted key: "api_key", "reconnect.max_retries"


def env_name(key: str) -> str:
    """Return the environment variable of a dotted key."""
    return PREFIX + key.replace(".", "__").upper()


def _near(name: str, known: Iterable[str]) -> str:
    near = nearest(name, known)
    return f", did you mean {near}?" if near else ""


def unknown(key: str, source: str, known: Iterable[str]) -> str:
    """Return the fault for a key that does not exist."""
    return f"{key} ({source}): unknown key{_near(key, known) or '; config/global.json shows all keys'}"


def flatten(tree: Mapping[str, object], source: str, rules: Rules, faults: list[str]) -> dict[str, Sourced]:
    """Return a nested mapping as dotted keys; add what does not fit to ``faults``."""
    groups = {key.partition(".")[0] for key in rules if "." in key}
    flat: dict[str, Sourced] = {}
    for name, value in tree.items():
        if name in rules:
            flat[name] = Sourced(value, source)
        elif name not in groups:
            faults.append(unknown(str(name), source, [*rules, *groups]))
        elif not isinstance(value, Mapping):
            faults.append(f"{name} ({source}): must be a group of keys, such as {{...}}")
        else:
            for inner, inner_value in value.items():
                key = f"{name}.{inner}"
                if key in rules:
                    flat[key] = Sourced(inner_value, source)
                else:
                    faults.append(unknown(key, source, rules))
    return flat


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError("the key " + next(name for name in names if names.count(name) > 1) + " appears twice")
    return tree


def read_file(path: Path, rules: Rules, faults: list[str]) -> dict[str, Sourced]:
    """Return the values of one file; none if the file is missing."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError:
        faults.append(f"{path}: must be JSON in UTF-8")
        return {}
    except OSError as error:
        faults.append(f"{path}: cannot be read: {error.strerror}")
        return {}
    try:
        tree = json.loads(text, object_pairs_hook=_no_duplicates)
    except json.JSONDecodeError as error:
        # The parser's text only: the line itself may hold a password.
        faults.append(f"{path}, line {error.lineno}, column {error.colno}: must be JSON: {error.msg}")
        return {}
    except (ValueError, RecursionError) as error:
        faults.append(f"{path}: must be JSON: {error}")
        return {}
    if not isinstance(tree, dict):
        faults.append(f"{path}: must be a JSON object")
        return {}
    return flatten(tree, str(path), rules, faults)


def read_environment(env: Mapping[str, str], rules: Rules, faults: list[str]) -> dict[str, Sourced]:
    """Return the values of the environment; an empty variable counts as not set."""
    flat: dict[str, Sourced] = {}
    taken: set[str] = set()
    for key, rule in rules.items():
        names = (env_name(key), *OLD_NAMES.get(key, ()))
        taken.update(names)
        found = next((name for name in names if env.get(name) and not _is_account_type(name, env[name])), None)
        if found:
            flat[key] = Sourced(rule.read(env[found]), f"environment variable {found}")
    for name in OLD_NAMES["environment"]:
        if _is_account_type(name, env.get(name, "")):
            flat.setdefault("account_id", Sourced(env[name].strip(), f"environment variable {name}"))
    for name in env:
        if not name.startswith(PREFIX) or name.startswith(_RESERVED_PREFIX) or name in _RESERVED:
            continue
        if name not in taken and env[name]:
            faults.append(unknown(name, "environment", taken))
    return flat


def _is_account_type(name: str, value: str) -> bool:
    return name in OLD_NAMES["environment"] and value.strip().upper() in _ACCOUNT_TYPES


def refusal(key: str, rule: Rule, sourced: Sourced) -> str:
    """Return the fault for a value that is not allowed."""
    given = repr(sourced.value)
    given = given if len(given) <= 60 else given[:57] + "..."
    shown = f", not {given}" if rule.shown else ""
    return f"{key} ({sourced.source}): must be {rule.allowed}{shown}"


def settle(flat: Mapping[str, Sourced], rules: Rules, faults: list[str]) -> dict[str, object]:
    """Return the values to keep; add each one that its rule refuses to ``faults``."""
    kept: dict[str, object] = {}
    for key, sourced in flat.items():
        try:
            kept[key] = rules[key].settle(sourced.value)
        except (ValueError, TypeError, OverflowError):  # noqa: PERF203 -- report every fault, not only the first
            faults.append(refusal(key, rules[key], sourced))
    return kept


def nest(flat: Mapping[str, object]) -> dict[str, object]:
    """Return dotted keys as a nested mapping."""
    tree: dict[str, object] = {}
    for key, value in flat.items():
        group, dot, name = key.partition(".")
        if dot:
            inner = tree.setdefault(group, {})
            assert isinstance(inner, dict)
            inner[name] = value
        else:
            tree[key] = value
    return tree
