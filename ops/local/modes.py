"""Where the functions of a local stack run: `local`, in its own processes, or packaged and deployed to an emulator.

Says what a mode leaves out, what it cannot do, and what its event sources are told. Starts nothing.
"""

from collections.abc import Mapping

from chalicelib.config import Settings
from chalicelib.errors import BadSetting, FieldError
from ops.local import aws, ministack
from ops.local.program import StartFailed
from ops.package.emulator import function_name

LOCAL, EMULATOR = "local", "emulator"
MODES = (LOCAL, EMULATOR)
STEP = "functions"  # packages and deploys; `status` asks its API

# The emulator has an API Gateway and a schedule of its own.
_LEFT_OUT = {LOCAL: (STEP,), EMULATOR: ("gateway", "scheduler", "relay")}


def left_out(mode: str) -> tuple[str, ...]:
    """Return the nodes that a mode does without."""
    return _LEFT_OUT[mode]


def completed(mode: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with what a mode takes for granted: deployed functions believe no `userId`."""
    return {"IDENTITY": "jwt", **wanted} if mode == EMULATOR else dict(wanted)


def check(mode: str, settings: Settings, given: Mapping[str, str]) -> None:
    """Raise BadSetting or StartFailed for what a mode cannot do. For before anything is started."""
    if mode == LOCAL:
        return
    errors = []
    if settings.identity != "jwt":
        errors.append(FieldError("IDENTITY", "is `trusted`, which deployed functions refuse: set IDENTITY=jwt"))
    if settings.jwt_jwks_file:
        errors.append(FieldError("JWT_JWKS_FILE", "is not for deployed functions: set JWT_JWKS_URL or JWT_SECRET"))
    if errors:
        raise BadSetting(errors)
    if "aws" in given:
        told = "is MiniStack when functions run on an emulator: unset AWS_ENDPOINT_URL, SNS_TOPIC_ARN and SES_FROM"
        raise StartFailed("aws", told)


def event_source_words(mode: str, function: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """Return what an event source is told besides its function, so that it calls the one that is deployed."""
    if mode == LOCAL:
        return ()
    name = function_name(ministack.STACK, function)
    return ("--invoke-endpoint", env[aws.ENDPOINT], "--function-name", name)
