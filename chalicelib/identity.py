"""Who the caller is: decided here and nowhere else. Knows no HTTP and no sale.

`trusted` believes the `userId` of the request, for use on one machine. What an authorizer verified arrives as the
claims it put into the request's context; a mode that reads them belongs here too.
"""

from collections.abc import Mapping

from chalicelib.config import settings
from chalicelib.errors import BadSetting, FieldError


def caller(claimed: str | None, authorized: Mapping[str, object] | None) -> str | None:
    """Return the user id of the caller, None where the request names nobody.

    `claimed` is the request's own `userId`, already valid; `authorized` what an authorizer found out, if there is
    one. Raises BadSetting where a deployed stage would have to believe anybody.
    """
    if settings().lambda_function:
        raise BadSetting([FieldError("IDENTITY", "a deployed stage must not run `trusted`")])
    return claimed
