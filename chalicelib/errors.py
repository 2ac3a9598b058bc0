"""Every error that onsale raises on purpose.

    OnsaleError               a code of the HTTP contract, a sentence, and members that explain it
    ├── InvalidRequest        the caller's input is wrong; names every bad field
    ├── Refused               the sale says no: sold out, not your turn, seat taken …
    ├── StoreUnavailable      Redis did not answer in time; the outcome is unknown, so send the same request again
    │   └── SecretUnavailable a secret that is needed cannot be read; nothing was done
    └── BadSetting            the environment holds a value that cannot be used; names every one

Adapters translate their library's errors into these where they call the library. What an error means in HTTP is
decided in `chalicelib.api.responses` alone.
"""

from collections.abc import Sequence
from typing import NamedTuple


class FieldError(NamedTuple):
    """One field of a request, or one setting, that is wrong, and why."""

    field: str
    detail: str


class OnsaleError(Exception):
    """The root: `code` is stable and kebab-case, `detail` is for people, `members` are JSON values."""

    def __init__(self, code: str, detail: str, **members: object) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.members = members


class InvalidRequest(OnsaleError):
    """Input that does not keep the contract."""

    def __init__(self, errors: Sequence[FieldError], code: str = "invalid-request") -> None:
        detail = "; ".join(f"{error.field}: {error.detail}" for error in errors)
        super().__init__(code, detail, errors=[error._asdict() for error in errors])


class Refused(OnsaleError):
    """The sale's answer is no. Nothing changed, or only what the members say (a refund may be due)."""


class StoreUnavailable(OnsaleError):
    """Redis could not be reached or did not answer within the time-out."""

    def __init__(self, detail: str) -> None:
        super().__init__("store-unavailable", detail)


class SecretUnavailable(StoreUnavailable):
    """A secret could not be read, or holds nothing that can be used. Names its ARN, never its content."""

    def __init__(self, arn: str, reason: str) -> None:
        super().__init__(f"the secret {arn} cannot be used: {reason}")
        self.reason = reason


class BadSetting(OnsaleError):
    """One or more settings hold values that cannot be used."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        detail = "; ".join(f"{error.field}: {error.detail}" for error in errors)
        super().__init__("bad-setting", detail, errors=[error._asdict() for error in errors])
