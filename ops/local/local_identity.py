"""The identity of a stack on this machine: `IDENTITY=jwt` with nothing else gets a secret of its own.

Tokens for it are minted by `onsale token`. Whoever names a source of keys names the whole identity.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

from chalicelib.config import Settings
from chalicelib.errors import BadSetting, FieldError
from chalicelib.token_rules import KEY_SETTINGS, TokenRules

ISSUER, AUDIENCE = "onsale-local", "onsale"
_FILE = "JWT_JWKS_FILE"
_PREFIX = "JWT_"


def complete(wanted: Mapping[str, str], asked: Mapping[str, str], shell: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that are wanted with an identity that fits together.

    `asked` are those that this start changes, `shell` has all that it was given; the rest was remembered from an
    earlier start, whose identity gives way to a new one.
    """
    is_jwt = wanted.get("IDENTITY") == "jwt"
    is_new = not is_jwt or any(name in asked for name in KEY_SETTINGS)

    def stays(name: str) -> bool:
        if not is_new or not name.startswith(_PREFIX) or name in asked:
            return True
        return is_jwt and name not in KEY_SETTINGS and bool(shell.get(name))  # the same audience as before, say

    chosen = {name: value for name, value in wanted.items() if stays(name)}
    if is_jwt and not any(name.startswith(_PREFIX) for name in chosen):
        chosen |= {"JWT_SECRET": secrets.token_urlsafe(48), "JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE}
    if chosen.get(_FILE):
        chosen[_FILE] = str(Path(chosen[_FILE]).resolve())  # the processes run in another folder
    return chosen


def check(settings: Settings) -> None:
    """Raise BadSetting where the settings name an identity that could let nobody in. For before anything listens."""
    if settings.identity != "jwt":
        return
    path = TokenRules.of(settings).jwks_file
    if path and not Path(path).is_file():
        raise BadSetting([FieldError(_FILE, f"there is no file {path!r}")])
