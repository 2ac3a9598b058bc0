"""Bearer tokens for the buyers of a rehearsal: minted with the stack's own secret, or given by an issuer elsewhere."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from chalicelib.config import Settings
from chalicelib.errors import FieldError, InvalidRequest

_GOOD_FOR_S = 26 * 3600  # longer than the longest rehearsal


def token_of(environment: Mapping[str, str]) -> Callable[[str], str] | None:
    """Return what mints a buyer's token by the settings of a stack; None where it believes the userId.

    Raises OnsaleError where only an issuer elsewhere can sign: then `--tokens` names a file of tokens.
    """
    chosen = Settings.read(environment)
    if chosen.identity != "jwt":
        return None
    from ops.token_mint import TokenMint

    mint, now_s = TokenMint.of(chosen), int(time.time())
    return lambda user_id: mint.token(user_id, now_s, now_s + _GOOD_FOR_S)


def tokens_of_file(path: Path, buyers: int) -> list[tuple[str, str]]:
    """Return (subject, token) for so many buyers, a token a line. Raises InvalidRequest naming what is wrong."""
    try:
        tokens = path.read_text().split()[:buyers]
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f"{path} cannot be read: {error}") from error
    if len(tokens) < buyers:
        raise _wrong(f"{path} has {len(tokens):,} tokens for {buyers:,} buyers")
    subjects = [_subject(line, token) for line, token in enumerate(tokens, 1)]
    if len(set(subjects)) < buyers:
        raise _wrong(f"{path} has several tokens for one subject; each buyer needs their own")
    return list(zip(subjects, tokens, strict=True))


def _subject(line: int, token: str) -> str:
    """Return whom a token is for; whether it is genuine is the system's to say."""
    try:
        claims = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"])
    except (IndexError, KeyError, TypeError, ValueError):
        raise _wrong(f"token {line} is no JSON Web Token with a subject") from None


def _wrong(detail: str) -> InvalidRequest:
    return InvalidRequest([FieldError("--tokens", detail)])
