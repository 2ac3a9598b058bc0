"""Is this bearer token good, and whose is it? (RFC 7519; what RFC 8725 advises.)

The only module that verifies. It believes nothing that the token says about its own verification: the algorithm is the
one of the settings, the key comes from the settings, `jku`, `x5u`, `jwk` and `x5c` are never looked at.
"""

import re
from collections.abc import Callable
from typing import Any

import jwt

from chalicelib import secrets
from chalicelib.config import Settings
from chalicelib.identity import is_user_id
from chalicelib.key_sets import KeySet
from chalicelib.token_rules import LEEWAY_S, TokenRules

MAX_TOKEN_CHARACTERS = 8_192
_REQUIRED = ("exp", "aud", "iss", "sub")
_TIMES = ("exp", "nbf", "iat")
_LAST_S = 10**11  # some day in the year 5138; above are milliseconds, infinity and what is no date
_TYPES = ("jwt", "at+jwt", "application/at+jwt")  # not a logout token or an event of the same issuer (RFC 8725, 3.11)

# RFC 6750, 2.1: the scheme in any spelling (RFC 9110, 11.1), one space, three parts. fullmatch, so no list of two.
_bearer = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)").fullmatch

Key = Any  # what PyJWT verifies with: a PyJWK or the secret


class NotAccepted(Exception):
    """The token is not good. The text says why, and holds nothing of the token."""


class TokenVerifier:
    """Holds tokens against the rules. For any number of threads."""

    def __init__(
        self,
        rules: TokenRules,
        key: Callable[[str | None], Key | None],
        instead_of: Callable[[Key], Key | None] = lambda _: None,
    ) -> None:
        """`key` finds a key by its name; `instead_of` says which one a signature may fit that does not fit this one."""
        self._rules, self._key, self._instead_of = rules, key, instead_of
        self._jwt = jwt.PyJWT({"enforce_minimum_key_length": True})

    @classmethod
    def of(cls, settings: Settings) -> "TokenVerifier":
        """Return the verifier of the settings. Raises BadSetting."""
        rules = TokenRules.of(settings)
        if settings.jwt_secret_arn:
            kept = _KeptSecret(settings.jwt_secret_arn)
            return cls(rules, kept.password, kept.instead_of)
        if rules.algorithm == "HS256":
            return cls(rules, lambda _: settings.jwt_secret)
        return cls(rules, KeySet.of(rules).key)

    def subject(self, authorization: str) -> str:
        """Return the user id that an Authorization header proves.

        Raises NotAccepted; KeysUnavailable and SecretUnavailable, for which no token is to blame.
        """
        token = _token(authorization)
        key = self._key(self._kid(token))
        if key is None:
            raise NotAccepted("no such key")
        try:
            claims = self._claims(token, key)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise NotAccepted(type(error).__name__) from None
        for name in _TIMES:
            if name in claims and not _is_time(claims[name]):  # PyJWT takes "17" and true for times
                raise NotAccepted(f"{name} is not a number")
        subject: str = claims["sub"]
        if not is_user_id(subject):
            raise NotAccepted("the subject is no userId")
        return subject

    def _claims(self, token: str, key: Key) -> dict[str, Any]:
        try:
            return self._decoded(token, key)
        except jwt.InvalidSignatureError:
            another = self._instead_of(key)
            if another is None:
                raise
            return self._decoded(token, another)

    def _decoded(self, token: str, key: Key) -> dict[str, Any]:
        return self._jwt.decode(
            token,
            key,
            algorithms=[self._rules.algorithm],
            audience=self._rules.audience,
            issuer=self._rules.issuer,
            leeway=LEEWAY_S,
            options={"require": list(_REQUIRED)},
        )

    def _kid(self, token: str) -> str | None:
        """Return the name of the key, after a look at the header: nothing of it is verified yet."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise NotAccepted(type(error).__name__) from None
        if header.get("alg") != self._rules.algorithm:
            raise NotAccepted("another algorithm")
        if "crit" in header:
            raise NotAccepted("a critical extension")
        if str(header.get("typ", "jwt")).lower() not in _TYPES:
            raise NotAccepted("another type of token")
        kid: str | None = header.get("kid")
        return kid


class _KeptSecret:
    """The secret of an ARN as a key: read at the first token, and anew where a signature does not fit."""

    def __init__(self, arn: str) -> None:
        self._arn = arn

    def password(self, _kid: str | None) -> str:
        return secrets.shared_secret(self._arn).password

    def instead_of(self, refused: str) -> str | None:
        known = secrets.shared_secret(self._arn)
        if known.password == refused:
            found = secrets.renewed_shared_secret(self._arn, known)
            return found.password if found else None
        return known.password  # another thread has just read it


def _token(authorization: str) -> str:
    if len(authorization) > MAX_TOKEN_CHARACTERS:
        raise NotAccepted("too long")
    found = _bearer(authorization)
    if found is None:
        raise NotAccepted("not one bearer token")
    return found[1]


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LAST_S
