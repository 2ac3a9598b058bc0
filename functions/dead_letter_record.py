"""Reads a record of the dead-letter topic: the original record, why it is dead, and what it was about.

Whatever a record looks like it becomes a letter: what cannot be read is left empty, what is too long is cut.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from functions.dead_letter_name import LetterName, read_source
from functions.dead_letter_queue import REPLAYED_FROM, split_headers, text_of
from functions.kafka_batch import Headers, KafkaRecord

UNKNOWN = "unknown"
_MAX_WHOLE = 2**63 - 1
_MAX_ATTEMPTS = 2**32 - 1
_MAX_ERROR_LENGTH = 4_000
_MAX_REPLAY_OF_LENGTH = 400
_CUT_VALUE, _CUT_KEY = 65_536, 1_024


@dataclass(frozen=True, slots=True)
class Subject:
    """What the record was about, as far as headers, key or value can be read; "" and 0 where they cannot."""

    sale_id: str = ""
    epoch: int = 0
    version: int = 0
    type: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. `value_length` is that of the record, also where `is_cut`; `place` is where the letter lies."""

    name: LetterName
    key: bytes | None
    value: bytes | None
    headers: Headers
    value_length: int
    reason: str
    error: str
    attempts: int
    dead_at_ms: int
    subject: Subject
    replay_of: str
    place: LetterName
    is_cut: bool = False


def read_letter(record: KafkaRecord) -> Letter:
    """Return what a record of the dead-letter topic says. Never raises.

    One that no function of ours put there has reason `unknown`, and its own position as source.
    """
    headers, why = split_headers(record.headers)
    place = LetterName(record.topic, record.partition, record.offset, "")
    source = read_source(why.get("dlq-source", ""))
    function = _name(why.get("dlq-function", ""), 64)
    return Letter(
        name=LetterName(*source, function) if source else place._replace(function=function),
        key=record.key,
        value=record.value,
        headers=headers,
        value_length=len(record.value or b""),
        reason=why.get("dlq-reason", "")[:64] or UNKNOWN,
        error=why.get("dlq-error", "")[:_MAX_ERROR_LENGTH],
        attempts=_whole(why.get("dlq-attempts"), _MAX_ATTEMPTS),
        dead_at_ms=_moment(why.get("dlq-at", "")) or _whole(record.raw.get("timestamp")),
        subject=_subject(record.key, record.value, headers),
        replay_of=text_of(headers, REPLAYED_FROM)[:_MAX_REPLAY_OF_LENGTH],
        place=place,
    )


def cut(letter: Letter) -> Letter:
    """Return a letter that fits in any case: the beginning of its record. The whole one stays on the topics."""
    key = letter.key[:_CUT_KEY] if letter.key else letter.key
    value = letter.value[:_CUT_VALUE] if letter.value else letter.value
    size = sum(len(name) + len(content or b"") for name, content in letter.headers)
    headers = letter.headers if size <= _CUT_KEY else ()
    return replace(letter, key=key, value=value, headers=headers, is_cut=True)


def _subject(key: bytes | None, value: bytes | None, headers: Headers) -> Subject:
    """Read headers before the value, which may be broken, and the key, which names sale and buyer, last."""
    body = _body(value)
    key_sale, colon, key_user = (key or b"").decode("utf-8", "replace").partition(":")
    sale_id = _name(text_of(headers, "sale"), 64) or _name(body.get("saleId"), 64)
    sale_id = sale_id or (_name(key_sale, 64) if colon else "")
    named = {name: _whole(text_of(headers, name)) or _whole(body.get(name)) for name in ("epoch", "version")}
    user_id = _name(body.get("userId"), 255) or (_name(key_user, 255) if colon else "")
    return Subject(sale_id, named["epoch"], named["version"], _name(body.get("type"), 32), user_id)


def _body(value: bytes | None) -> dict[str, Any]:
    try:
        body = json.loads(value or b"")
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _name(value: object, longest: int) -> str:
    """Return a name that is fit for its column; what is not is no name."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > longest:
        return ""
    return value


def _whole(value: object, most: int = _MAX_WHOLE) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > 19:
        return 0
    return min(int(text), most)


def _moment(text: str) -> int:
    try:
        return max(0, round(datetime.fromisoformat(text).timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        return 0
