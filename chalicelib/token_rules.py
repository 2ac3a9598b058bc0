"""What a token must be, by the settings: one algorithm, one source of keys, one audience, one issuer.

Knows no cryptography, so that whoever starts a server can check its settings for nothing.
"""

from dataclasses import dataclass

from chalicelib.config import Settings
from chalicelib.errors import BadSetting, FieldError

LEEWAY_S = 10  # two clocks may differ by so much: of `exp`, `nbf` and `iat`
KEY_SETTINGS = ("JWT_SECRET", "JWT_SECRET_ARN", "JWT_JWKS_URL", "JWT_JWKS_FILE")


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What every token is held against. Exactly one of `jwks_url` and `jwks_file` is set, or neither for HS256."""

    algorithm: str
    audience: str
    issuer: str
    jwks_url: str
    jwks_file: str

    @classmethod
    def of(cls, settings: Settings) -> "TokenRules":
        """Return the rules of mode `jwt`. Raises BadSetting naming all that is missing or contradicts itself."""
        errors = [*_key_errors(settings), *_claim_errors(settings)]
        if settings.identity != "jwt":
            errors = [FieldError("IDENTITY", "must be `jwt` for tokens to mean anything")]
        if errors:
            raise BadSetting(errors)
        return cls(
            algorithm=settings.jwt_algorithm
            or ("HS256" if settings.jwt_secret or settings.jwt_secret_arn else "RS256"),
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            jwks_url=settings.jwt_jwks_url,
            jwks_file=settings.jwt_jwks_file,
        )


def _key_errors(settings: Settings) -> list[FieldError]:
    values = (settings.jwt_secret, settings.jwt_secret_arn, settings.jwt_jwks_url, settings.jwt_jwks_file)
    given = [name for name, value in zip(KEY_SETTINGS, values, strict=True) if value]
    if not given:
        return [FieldError("IDENTITY", f"`jwt` needs one of {', '.join(KEY_SETTINGS)}")]
    if len(given) > 1:
        return [FieldError(name, f"cannot be set together with {given[0]}: one source of keys") for name in given[1:]]
    symmetric = settings.jwt_algorithm == "HS256"
    if settings.jwt_algorithm and symmetric != bool(settings.jwt_secret or settings.jwt_secret_arn):
        told = "needs JWT_SECRET or JWT_SECRET_ARN" if symmetric else "needs JWT_JWKS_URL or JWT_JWKS_FILE"
        return [FieldError("JWT_ALGORITHM", f"{settings.jwt_algorithm} {told}, not {given[0]}")]
    return []


def _claim_errors(settings: Settings) -> list[FieldError]:
    values = {"JWT_AUDIENCE": settings.jwt_audience, "JWT_ISSUER": settings.jwt_issuer}
    return [FieldError(name, "is required with IDENTITY=jwt") for name, value in values.items() if not value]
