"""The recorded vectors of the wire, in both directions where there are two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonpatch
import pytest

from ig_sdk.errors import StreamProtocolError
from ig_sdk.lightstreamer.tlcp.codec import requests, values
from ig_sdk.lightstreamer.tlcp.codec.diff import apply_diff, make_diff
from ig_sdk.lightstreamer.tlcp.codec.notifications import Unknown, Update, parse
from ig_sdk.lightstreamer.tlcp.codec.text import split_lines


@pytest.fixture
def vectors(shared: Path) -> dict[str, list[dict[str, Any]]]:
    """The vectors by kind."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for vector in json.loads((shared / "wire" / "vectors.json").read_text(encoding="utf-8")):
        kinds.setdefault(vector["kind"], []).append(vector)
    return kinds


def _refused(vector: dict[str, Any]) -> str | None:
    expected = vector["expected"]
    return expected.get("error") if isinstance(expected, dict) else None


def _decode(vector: dict[str, Any]) -> tuple[Update, list[str | None]]:
    lines = vector["input"] if isinstance(vector["input"], list) else [vector["input"]]
    row, documents = vector["previous"], {}
    for line in lines:
        update = parse(line)
        assert isinstance(update, Update)
        tokens = update.payload.split("|")
        row, documents = values.decode_fields(
            tokens, row, vector["num_fields"], documents, json_patch=jsonpatch.apply_patch
        )
    return update, row


def test_updates_decode(vectors):
    """Every update vector gives its values, or its kind of refusal (C-070 to C-090)."""
    for vector in vectors["decode_update"]:
        refusal = _refused(vector)
        if refusal:
            with pytest.raises(values.FieldError) as error:
                _decode(vector)
            assert error.value.category == refusal, vector["name"]
        else:
            update, row = _decode(vector)
            expected = vector["expected"]
            got = {"subscription": update.subscription, "item": update.item, "values": row}
            assert got == expected, vector["name"]


def test_updates_encode(vectors):
    """What the server half writes for a vector's values is read back as the same values, with every way to write it."""
    for vector in vectors["decode_update"]:
        if _refused(vector):
            continue
        new, previous = vector["expected"]["values"], vector["previous"]
        for run_from in (None, 1, 2):
            for tlcp_diff in (False, True):
                payload, _ = values.encode_fields(new, previous, run_from=run_from, tlcp_diff=tlcp_diff)
                row, _ = values.decode_fields(payload.split("|"), previous, vector["num_fields"])
                assert row == new, vector["name"]


def test_diffs_apply_and_are_made(vectors):
    """TLCP-diff vectors apply or are refused; our own diff between the same texts gives the same result (C-082 to C-084)."""
    for vector in vectors["diff"]:
        if _refused(vector):
            with pytest.raises(StreamProtocolError, match="bad TLCP-diff"):
                apply_diff(vector["previous"], vector["input"])
        else:
            assert apply_diff(vector["previous"], vector["input"]) == vector["expected"], vector["name"]
            made = make_diff(vector["previous"], vector["expected"])
            assert apply_diff(vector["previous"], made) == vector["expected"], vector["name"]


def test_json_patches(vectors):
    """JSON patch vectors give the same document, or their kind of refusal (C-085)."""
    for vector in vectors["json_patch"]:
        line = f"^P{vector['input'].replace('%', '%25').replace('|', '%7C')}"
        refusal = _refused(vector)
        if refusal:
            with pytest.raises(values.FieldError) as error:
                values.decode_fields([line], [vector["previous"]], 1, json_patch=jsonpatch.apply_patch)
            assert error.value.category == refusal, vector["name"]
        else:
            (row,), _ = values.decode_fields([line], [vector["previous"]], 1, json_patch=jsonpatch.apply_patch)
            assert json.loads(row or "") == json.loads(vector["expected"]), vector["name"]


def _shown(line: str) -> dict[str, Any]:
    note = parse(line)
    if isinstance(note, Unknown):
        return {"tag": note.tag, "unknown": True}
    return {"tag": note.tag, "args": list(note.args)}


def test_lines_parse_and_encode(vectors):
    """Line vectors give tag and arguments (C-043 to C-050); written again and read again they are the same."""
    for vector in vectors["parse_line"]:
        if _refused(vector):
            with pytest.raises(StreamProtocolError, match="not a number"):
                parse(vector["input"])
            continue
        lines = split_lines(vector["input"])
        shown = [_shown(line) for line in lines]
        assert shown == (vector["expected"] if isinstance(vector["expected"], list) else [vector["expected"]])
        for line in lines:
            assert parse(parse(line).encode()) == parse(line), vector["name"]


def test_requests_encode_and_decode(vectors):
    """Request vectors give their text (C-019 to C-027), and the server half reads the same request from it."""
    for vector in vectors["encode_request"]:
        given = vector["input"]
        lines = tuple(tuple((name, value) for name, value in line) for line in given["lines"])
        expected = vector["expected"]
        if given["transport"] == "params":
            assert requests.encode_body(lines) == expected, vector["name"]
            assert requests.decode_line(expected) == lines[0], vector["name"]
        elif given["transport"] == "ws":
            request = requests.Request(given["name"], lines)
            assert requests.encode_ws(request) == expected, vector["name"]
            assert requests.decode(expected) == request, vector["name"]
            assert requests.decode(expected + "\r\n") == request or not lines[-1], vector["name"]
        else:
            request = requests.Request(given["name"], lines)
            target, body = requests.encode_http(request, given["version"], given["query_session"])
            assert {"target": target, "body": body} == expected, vector["name"]
            path, _, query = target.partition("?")
            name = path.rpartition("/")[2].removesuffix(".txt")
            decoded, own = requests.decode_http(name, query, body)
            assert decoded == request, vector["name"]
            assert own.get("LS_session") == given["query_session"]
