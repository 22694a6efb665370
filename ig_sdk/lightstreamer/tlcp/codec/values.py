"""Field values of ``U``: decoding for the client, encoding for the server (TLCP.md sections 11 to 13)."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ig_sdk.errors import StreamProtocolError
from ig_sdk.lightstreamer.tlcp.codec.diff import apply_diff, is_diffable, make_diff
from ig_sdk.lightstreamer.tlcp.codec.text import decode_strict, encode_value

Values = list[str | None]
# (document, patch) -> patched document, or any exception; (old, new) -> patch.
JsonPatch = Callable[[Any, Any], Any]

# No real field comes near; and a few "copy" operations can double a document without end, so growth has a limit too.
_MAX_DOCUMENT = 2_000_000
_MAX_GROWTH = 8
_FREE_GROWTH = 65_536
_MAX_WORK = 100_000_000
_MAX_RUN_DIGITS = 6
_MARKS: dict[str, str | None] = {"#": None, "$": ""}


class FieldError(StreamProtocolError):
    """A field list that cannot be decoded.

    Attributes:
        category: ``unchanged_on_first``, ``diff_on_first``, ``diff_on_null``, ``diff_on_json``, ``bad_diff``,
            ``bad_json_patch``, ``bad_json_value``, ``patch_failed``, ``field_count``, ``bad_token`` or
            ``bad_percent``.
    """

    def __init__(self, category: str, message: str, *, cause: BaseException | None = None) -> None:
        super().__init__(message, cause=cause)
        self.category = category


def decode_fields(
    tokens: Sequence[str],
    previous: Sequence[str | None] | None,
    num_fields: int,
    documents: Mapping[int, Any] | None = None,
    *,
    json_patch: JsonPatch | None = None,
) -> tuple[Values, dict[int, Any]]:
    """Return an item's values after an update, and the parsed documents behind those that came as JSON patch.

    Nothing that was handed in is changed, so a failure leaves the item as it was (C-081).

    Args:
        tokens: The payload of ``U``, split on ``|`` before any decoding.
        previous: The item's values so far, or ``None`` before its first update.
        num_fields: How many fields the schema has.
        documents: Field index to parsed document, for the fields last set by ``^P`` (C-086).
        json_patch: Applies an RFC 6902 patch; without it ``^P`` is refused.

    Raises:
        FieldError: The tokens cannot be decoded.
    """
    values: Values = [None] * num_fields if previous is None else list(previous)
    parsed = dict(documents) if documents else {}
    at = 0
    for token in tokens:
        if at >= num_fields:
            raise FieldError("field_count", f"more than {num_fields} fields")
        if not token or token[0] == "^":
            if previous is None:
                first = "diff_on_first" if token[1:2] in ("P", "T") else "unchanged_on_first"
                raise FieldError(first, "the first update of an item refers to an earlier one")
            if token[1:2] not in ("P", "T"):
                at += _run(token) if token else 1
                continue
        if token[:2] == "^P":
            parsed[at] = _patched(values[at], parsed.get(at), token[2:], json_patch)
            values[at] = _dump(parsed[at])
        else:
            values[at] = _diffed(values[at], token[2:], at in parsed) if token[:2] == "^T" else _plain(token)
            parsed.pop(at, None)
        at += 1
    if at != num_fields:
        raise FieldError("field_count", f"{at} fields where {num_fields} are due")
    return values, parsed


def apply_json_patch(base: Any, patch_text: str, json_patch: JsonPatch) -> Any:
    """Return the document that a JSON patch makes of the document ``base``.

    Raises:
        FieldError: The patch is no JSON list, or one of its operations fails.
    """
    patch = _load(patch_text, "bad_json_patch", "a JSON patch that is no JSON")
    if not isinstance(patch, list):
        raise FieldError("bad_json_patch", "a JSON patch that is no list")
    # Step by step, so that a document which a patch blows up is noticed before it fills the memory.
    grows = _may_grow(patch)
    steps = [[operation] for operation in patch] if grows else [patch]
    limit = _FREE_GROWTH + _MAX_GROWTH * (len(patch_text) + (len(_dump(base)) if grows else 0))
    document, work = base, 0
    for step in steps:
        try:
            document = json_patch(document, step)
        except Exception as error:  # noqa: BLE001 -- the function is handed in; odd patches raise what they like
            raise FieldError("patch_failed", "a JSON patch that cannot be applied", cause=error) from None
        size = len(_dump(document)) if grows else 0
        work += size
        if size > limit or work > _MAX_WORK:
            raise FieldError("patch_failed", "a JSON patch that blows its document up")
    return document


def encode_fields(
    values: Sequence[str | None],
    previous: Sequence[str | None] | None = None,
    *,
    run_from: int | None = 2,
    tlcp_diff: bool = False,
    make_patch: JsonPatch | None = None,
    patched: Collection[int] = (),
) -> tuple[str, frozenset[int]]:
    """Return the payload of ``U`` for the new values of an item: the server's half.

    Args:
        values: All fields.
        previous: What was sent last for the item, or ``None`` before its first update (then everything is sent, C-190).
        run_from: Shortest run of unchanged fields that is written as ``^N``; 1 for always, ``None`` for never.
        tlcp_diff: Whether ``^T`` may be used, where it is shorter.
        make_patch: Makes a JSON patch from two documents, where ``^P`` may be used.
        patched: Indices of the fields last sent as ``^P``, which ``^T`` cannot build on (C-196).

    Returns:
        The payload, and the indices of the fields whose last change went as ``^P``.
    """
    if previous is None:
        return "|".join(_whole(value) for value in values), frozenset()
    tokens: list[str] = []
    still_patched = set(patched)
    # Prices go whole, thousands of times a second.
    whole = not (tlcp_diff or make_patch or still_patched)
    run = 0
    for index, (value, before) in enumerate(zip(values, previous, strict=True)):
        if value == before:
            run += 1
            continue
        if run:
            tokens += _unchanged(run, run_from)
            run = 0
        token = _whole(value)
        if not whole:
            may_differ = tlcp_diff and index not in still_patched
            token = _shortest(value, before, token, make_patch, may_differ=may_differ)
            if token.startswith("^P"):
                still_patched.add(index)
            else:
                still_patched.discard(index)
        tokens.append(token)
    tokens += _unchanged(run, run_from)
    return "|".join(tokens), frozenset(still_patched)


def _shortest(
    value: str | None, before: str | None, whole: str, make_patch: JsonPatch | None, *, may_differ: bool
) -> str:
    """Return the shortest token that may be sent for a changed field."""
    patch = _patch_token(value, before, make_patch)
    if patch is not None and len(patch) < len(whole):
        return patch
    return _diff_token(value, before, whole) if may_differ else whole


def _plain(token: str) -> str | None:
    if token in _MARKS:
        return _MARKS[token]
    return _decoded(token)


def _decoded(text: str) -> str:
    try:
        return decode_strict(text)
    except StreamProtocolError as error:
        raise FieldError("bad_percent", error.message) from None


def _run(token: str) -> int:
    digits = token[1:]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_RUN_DIGITS):
        raise FieldError("bad_token", f"not a field value: {token[:20]!r}")
    return int(digits)


def _diffed(base: str | None, text: str, is_document: bool) -> str:  # noqa: FBT001 -- a fact about the base
    if base is None:
        raise FieldError("diff_on_null", "a difference to null")
    if is_document:
        # The text of a patched document is each client's own, so it is no common base (C-087).
        raise FieldError("diff_on_json", "a text difference to a patched document")
    try:
        return apply_diff(base, _decoded(text))
    except FieldError:
        raise
    except StreamProtocolError as error:
        raise FieldError("bad_diff", error.message) from None


def _patched(base: str | None, document: Any, text: str, json_patch: JsonPatch | None) -> Any:
    if base is None:
        raise FieldError("diff_on_null", "a difference to null")
    if json_patch is None:
        raise FieldError("bad_token", "a JSON patch, which was not asked for")
    if document is None:
        document = _load(base, "bad_json_value", "a JSON patch to a value that is no JSON")
    return apply_json_patch(document, _decoded(text), json_patch)


def _load(text: str, category: str, message: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FieldError(category, message, cause=error) from None


def _dump(document: Any) -> str:
    try:
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise FieldError("patch_failed", "a patched document that is no JSON", cause=error) from None
    if len(text) > _MAX_DOCUMENT:
        raise FieldError("patch_failed", "a patched document beyond all measure")
    return text


def _may_grow(patch: list[Any]) -> bool:
    return any(isinstance(operation, dict) and operation.get("op") == "copy" for operation in patch)


def _whole(value: str | None) -> str:
    if value is None:
        return "#"
    return encode_value(value) if value else "$"


def _unchanged(run: int, run_from: int | None) -> list[str]:
    if run and run_from is not None and run >= run_from:
        return [f"^{run}"]
    return [""] * run


def _diff_token(value: str | None, before: str | None, whole: str) -> str:
    if not value or before is None or not is_diffable(value) or not is_diffable(before):
        return whole
    # The tag is no content: only the diff's own characters are escaped, and a leading one of them is a letter.
    token = "^T" + encode_value(make_diff(before, value))
    return token if len(token) < len(whole) else whole


def _patch_token(value: str | None, before: str | None, make_patch: JsonPatch | None) -> str | None:
    if make_patch is None or not value or not before or value[0] not in "{[" or before[0] not in "{[":
        return None
    try:
        old, new = json.loads(before), json.loads(value)
    except (ValueError, RecursionError):
        return None
    return "^P" + encode_value(json.dumps(make_patch(old, new), separators=(",", ":"), ensure_ascii=False))
