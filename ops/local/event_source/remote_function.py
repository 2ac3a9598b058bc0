"""A function behind Lambda's Invoke API: an emulator on this machine, or whatever else speaks it."""

import json
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from ops.local.event_source.invocation import FunctionFailed, NotInvoked

_CONNECT_TIMEOUT_S = 2.0
_GRACE_S = 5.0  # after the function's own time-out, for the service to say so
_NOWHERE = "local"  # an emulator wants credentials, and asks not whose


class RemoteFunction:
    """Invokes a function over HTTP, and waits for its answer."""

    def __init__(self, endpoint: str, name: str, timeout_s: float) -> None:
        session = boto3.Session()
        known = session.get_credentials() is not None
        self._name = name
        self._client = session.client(
            "lambda",
            endpoint_url=endpoint,
            region_name=session.region_name or "us-east-1",
            aws_access_key_id=None if known else _NOWHERE,
            aws_secret_access_key=None if known else _NOWHERE,
            config=Config(
                connect_timeout=_CONNECT_TIMEOUT_S,
                read_timeout=timeout_s + _GRACE_S,
                retries={"total_max_attempts": 1},  # the event source retries, and counts
            ),
        )
        self.request_id = ""

    def invoke(self, event: bytes) -> Any:
        """Invoke and return the decoded answer. Raises FunctionFailed (FunctionError, no answer) and NotInvoked."""
        self.request_id = ""
        try:
            answer = self._client.invoke(FunctionName=self._name, InvocationType="RequestResponse", Payload=event)
            body = answer["Payload"].read()
        except ReadTimeoutError as error:
            raise FunctionFailed("Sandbox.Timedout", str(error)) from error  # it may have run: that is an attempt
        except (ClientError, BotoCoreError) as error:
            raise NotInvoked(f"{self._name}: {error}") from error
        self.request_id = answer["ResponseMetadata"].get("RequestId", "")
        if "FunctionError" in answer:
            raise FunctionFailed(answer["FunctionError"], body.decode(errors="replace")[:2000])
        try:
            return json.loads(body) if body else None
        except ValueError as error:
            raise FunctionFailed("Unhandled", f"the answer is not JSON: {body[:200]!r}") from error

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()
