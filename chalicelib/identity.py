"""Who the caller is: decided here and nowhere else. Knows no HTTP and no sale.

`trusted` believes the `userId` of the request, for use on one machine; a deployed stage refuses it. `jwt` takes the
subject that the authorizer (chalicelib.authorizer) has verified, as it arrives in the request's context, and nothing
else: no handler ever looks at a token.
"""

import re
from collections.abc import Mapping

from chalicelib.config import settings
from chalicelib.errors import BadSetting, FieldError, OnsaleError

PRINCIPAL = "principalId"  # where API Gateway puts the authorizer's principal
USER_ID_PATTERN = r"[!-~]{1,255}"

_is_user_id = re.compile(USER_ID_PATTERN).fullmatch


def is_user_id(value: object) -> bool:
    """Say whether a value can be a userId: 1 to 255 printable ASCII characters without space."""
    return isinstance(value, str) and _is_user_id(value) is not None


def caller(claimed: str | None, authorized: Mapping[str, object] | None) -> str | None:
    """Return the user id of the caller, None where the request names nobody.

    `claimed` is the request's own `userId`, already valid; `authorized` what the authorizer found out, if it ran.
    Raises OnsaleError unauthenticated, not-yours, and BadSetting as `refuse_unsafe`.
    """
    if settings().identity == "jwt":
        return _subject(claimed, authorized)
    refuse_unsafe()
    return claimed


def refuse_unsafe() -> None:
    """Raise BadSetting where a deployed stage would have to believe anybody. Never called while being packaged."""
    chosen = settings()
    if chosen.lambda_function and chosen.identity != "jwt":
        raise BadSetting([FieldError("IDENTITY", "a deployed stage must not run `trusted`: set IDENTITY=jwt")])


def _subject(claimed: str | None, authorized: Mapping[str, object] | None) -> str:
    subject = authorized.get(PRINCIPAL) if authorized else None
    if not isinstance(subject, str) or not is_user_id(subject):  # the route was reached past its authorizer
        raise OnsaleError("unauthenticated", "A valid bearer token is required.")
    if claimed is not None and claimed != subject:
        raise OnsaleError("not-yours", "The userId is not the subject of the token: leave it out, or send your own.")
    return subject
