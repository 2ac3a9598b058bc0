"""A deployed stage as the target of a command: which function it is, whose account, and one call of it.

A call is sent once. Whoever does not hear its answer does not know whether it was carried out, and only a person can
decide to say it again.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import OnsaleError
from ops.target_errors import function_failed, told, too_large

OUTPUT = "OperateFunction"
MOST_SENT_BYTES = 6_000_000  # Lambda, quotas: 6 MB each for request and response
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 905.0  # a function has 900 s at most; then Lambda's own word about it comes first
_LOOKING_TIMEOUT_S = 10.0
_EMULATOR = {"aws_access_key_id": "emulator", "aws_secret_access_key": "emulator"}  # it asks for some, not for whose


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command acts; as a text, what its question names."""

    target: str
    function: str
    account: str
    region: str

    def __str__(self) -> str:
        return f"{self.target}, account {self.account}, {self.region}"


class Remote:
    """The operator's function of one target. Nothing is asked of AWS before it is needed."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._arn = target.split(":") if target.startswith("arn:") else []

    @cached_property
    def place(self) -> Place:
        """Find the function. Raises OnsaleError (see `ops.target_errors`)."""
        if self._arn:
            return Place(self._target, self._target, account=self._arn[4], region=self._arn[3])
        name = self._target.partition(":")[2]
        with told(self._target, f"cloudformation:DescribeStacks on the stack {name}"):
            client = self._client("cloudformation", _LOOKING_TIMEOUT_S, tries=3)
            region = str(client.meta.region_name)
            try:
                stack = client.describe_stacks(StackName=name)["Stacks"][0]
            except ClientError as error:
                if error.response["Error"]["Code"] == "ValidationError":
                    detail = f"there is no stack {name} in {region} of this account: see AWS_REGION and AWS_PROFILE"
                    raise OnsaleError("no-such-stack", detail) from error
                raise
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
        if OUTPUT not in outputs:
            status = stack["StackStatus"]
            detail = f"the stack {name} ({status}) has no output {OUTPUT}: it is not of onsale's template, or not whole"
            raise OnsaleError("no-such-output", detail)
        return Place(self._target, outputs[OUTPUT], account=stack["StackId"].split(":")[4], region=region)

    def operate(self, action: str, arguments: Mapping[str, object], user: str) -> dict[str, Any]:
        """Call the function once and return its answer, `{"result"}` or `{"error"}`. Raises OnsaleError."""
        place = self.place
        event = {"action": action, "arguments": arguments, "actor": self._actor(user)}
        payload = json.dumps(event, separators=(",", ":")).encode()
        if len(payload) > MOST_SENT_BYTES:
            raise too_large(action)
        with told(f"{action} on {self._target}", f"lambda:InvokeFunction on {place.function}"):
            answer = self._invoking.invoke(FunctionName=place.function, Payload=payload)
            body = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise function_failed(place.function, body)
        return _read(place.function, body)

    @cached_property
    def _invoking(self) -> Any:
        return self._client("lambda", READ_TIMEOUT_S, tries=1)

    def _actor(self, user: str) -> str:
        return f"{user} ({self._caller})" if self._caller else user

    @cached_property
    def _caller(self) -> str:
        """The ARN of whoever's credentials these are; empty where it cannot be had, which is no reason to stop."""
        try:
            return str(self._client("sts", _LOOKING_TIMEOUT_S, tries=1).get_caller_identity()["Arn"])
        except (BotoCoreError, ClientError):
            return ""

    def _client(self, service: str, read_timeout_s: float, *, tries: int) -> Any:
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=read_timeout_s,
            tcp_keepalive=True,  # nothing passes while a function works
            retries={"total_max_attempts": tries},
        )
        region = self._arn[3] if self._arn else os.environ.get("AWS_REGION") or self._session.region_name
        known = self._session.get_credentials() is not None or not os.environ.get("AWS_ENDPOINT_URL")
        return self._session.client(service, region_name=region, config=config, **({} if known else _EMULATOR))

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session()


def _read(function: str, body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not answer.keys() & {"result", "error"}:
        detail = f"{function} does not answer as an operator's function does: is it the one of onsale's template?"
        raise OnsaleError("function-failed", detail)
    return answer
