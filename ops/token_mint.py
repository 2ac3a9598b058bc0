"""Mints bearer tokens with the secret that a stack's settings name."""

from dataclasses import dataclass

import jwt

from chalicelib.config import Settings
from chalicelib.errors import OnsaleError
from chalicelib.secrets import shared_secret
from chalicelib.token_rules import TokenRules


@dataclass(frozen=True, slots=True)
class TokenMint:
    """Signs for any buyer. Whoever has a token is that buyer."""

    rules: TokenRules
    key: str

    @classmethod
    def of(cls, chosen: Settings) -> "TokenMint":
        """Return the mint of these settings. Raises BadSetting, OnsaleError where only an issuer elsewhere signs."""
        rules = TokenRules.of(chosen)
        key = shared_secret(chosen.jwt_secret_arn).password if chosen.jwt_secret_arn else chosen.jwt_secret
        if not key:
            detail = f"only the issuer {rules.issuer} can sign tokens here: its private key is elsewhere"
            raise OnsaleError("no-signing-key", detail)
        return cls(rules, key)

    def token(self, user_id: str, issued_s: int, expires_s: int) -> str:
        """Return a token, its times in seconds since 1970."""
        rules = self.rules
        claims = {"sub": user_id, "iss": rules.issuer, "aud": rules.audience, "iat": issued_s, "exp": expires_s}
        return jwt.encode(claims, self.key, algorithm=rules.algorithm)
