"""TLCP-diff, the ``^T`` form of a field (TLCP.md section 12).

A text is rebuilt by COPY, ADD, DEL, COPY, ADD, DEL, … beginning with COPY and ending anywhere. Counts are written in
letters, radix 26: capitals, then one small letter that ends the number; ``A`` and ``a`` weigh 0. (The example table
that circulates reads a capital as one more; the official decoders do not, and they are what servers are tested
against.)
"""

from __future__ import annotations

from ig_sdk.errors import StreamProtocolError

# No text is that long; without a limit a megabyte of capitals would become one huge integer.
_MAX_COUNT = 1 << 31


def apply_diff(base: str, diff: str) -> str:
    """Return what ``diff`` (already percent-decoded) makes of ``base``.

    Raises:
        StreamProtocolError: The diff is malformed, or copies or adds beyond an end.
    """
    parts: list[str] = []
    cursor = at = section = 0
    while at < len(diff):
        count, at = _read_count(diff, at)
        if section == 0:
            if cursor + count > len(base) and count:
                raise StreamProtocolError("bad TLCP-diff: copies past the end", line=diff)
            parts.append(base[cursor : cursor + count])
            cursor += count
        elif section == 1:
            if at + count > len(diff):
                raise StreamProtocolError("bad TLCP-diff: adds more than it holds", line=diff)
            parts.append(diff[at : at + count])
            at += count
        else:
            cursor += count
        section = (section + 1) % 3
    return "".join(parts)


def make_diff(base: str, value: str) -> str:
    """Return a diff that turns ``base`` into ``value``: their common ends are kept, the middle is replaced."""
    limit = min(len(base), len(value))
    head = 0
    while head < limit and base[head] == value[head]:
        head += 1
    tail = 0
    while tail < limit - head and base[-1 - tail] == value[-1 - tail]:
        tail += 1
    middle = value[head : len(value) - tail]
    diff = _write_count(head)
    if middle or tail:
        diff += _write_count(len(middle)) + middle
    if tail:
        diff += _write_count(len(base) - head - tail) + _write_count(tail)
    return diff if value else ""


def is_diffable(text: str) -> bool:
    """Whether ``text`` may take part in a diff: beyond the basic plane clients count differently (C-197)."""
    return text.isascii() or max(text) <= "\uffff"


def _read_count(diff: str, at: int) -> tuple[int, int]:
    count = 0
    for place in range(at, len(diff)):
        letter = diff[place]
        if "a" <= letter <= "z":
            return count * 26 + ord(letter) - 97, place + 1
        if not "A" <= letter <= "Z":
            raise StreamProtocolError("bad TLCP-diff: not a letter where a number is due", line=diff)
        count = count * 26 + ord(letter) - 65
        if count > _MAX_COUNT:
            raise StreamProtocolError("bad TLCP-diff: number too large", line=diff)
    raise StreamProtocolError("bad TLCP-diff: number without its last letter", line=diff)


def _write_count(count: int) -> str:
    letters = chr(97 + count % 26)
    while count := count // 26:
        letters = chr(65 + count % 26) + letters
    return letters
