"""The stack on the emulator, brought about by CloudFormation, S3 and Secrets Manager as a deployment is.

What is there already is left alone: a tag of the stack says what it was made of. Whatever stands half-made, of a
process that died, is waited for and then replaced.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.config import Settings
from ops.local import aws, ministack
from ops.local.aws_account import client
from ops.package import emulator

_BUCKET = "onsale-deployment"
_MADE_OF = "onsale:made-of"
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_WITHIN_S = 120.0
_POLL_S = 0.05


class NotDeployed(Exception):
    """The emulator did not take the stack; the message has its reasons."""


class EmulatedStack:
    """One stack of one account."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        """Take the settings that the functions get, and the environment that says where the emulator is."""
        self._settings = settings
        self._cloudformation = client("cloudformation", environment)
        self._s3 = client("s3", environment)
        self._secrets_manager = client("secretsmanager", environment)
        self._api_gateway = client("apigateway", environment)
        self._endpoint = environment[aws.ENDPOINT]

    def deploy(self, template: dict[str, Any], zips: Mapping[str, Path]) -> str:
        """Bring the stack about: `unchanged`, `updated` or `created`. Raises NotDeployed."""
        done = self._deploy(template, zips)
        # API Gateway reads these in the API's document, which the emulator does not; it has them by their own calls.
        for kind, response in emulator.gateway_responses(template).items():
            self._api_gateway.put_gateway_response(restApiId=ministack.API_ID, responseType=kind, **response)
        self._api_gateway.create_deployment(restApiId=ministack.API_ID, stageName=ministack.STAGE)
        return done

    def _deploy(self, template: dict[str, Any], zips: Mapping[str, Path]) -> str:
        values = emulator.parameters(template, self._settings, region=aws.REGION, account=aws.ACCOUNT)
        secrets = emulator.secrets(template, self._settings)
        code = {name: path.read_bytes() for name, path in zips.items()}
        made_of = emulator.digest(template, code, values, secrets)
        there = self._settled()
        whole = there is not None and there["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        if there and whole and _tag(there) == made_of:
            return "unchanged"
        values |= {parameter: self._secret(parameter, value) for parameter, value in secrets.items()}
        request = self._request(template, code, values, made_of)
        # The emulator makes an API anew when its routes change, and cannot while the old one has its id.
        if whole and self._changed("update_stack", request)["StackStatus"] == "UPDATE_COMPLETE":
            return "updated"
        self._remove()
        made = self._changed("create_stack", request)
        if made["StackStatus"] != "CREATE_COMPLETE":
            raise NotDeployed(f"the emulator did not take the stack: {made['StackStatus']}\n{self._reasons()}")
        return "created"

    def _secret(self, parameter: str, value: str) -> str:
        """Keep a secret and return its ARN."""
        name = f"{ministack.STACK}/{parameter}"
        try:
            arn: str = self._secrets_manager.create_secret(Name=name, SecretString=value)["ARN"]
        except self._secrets_manager.exceptions.ResourceExistsException:
            arn = self._secrets_manager.put_secret_value(SecretId=name, SecretString=value)["ARN"]
        return arn

    def _request(
        self, template: dict[str, Any], code: Mapping[str, bytes], values: Mapping[str, str], made_of: str
    ) -> dict[str, Any]:
        """Upload everything, into a folder of its own: code elsewhere is code that the functions' versions notice."""
        self._s3.create_bucket(Bucket=_BUCKET)
        for name, content in code.items():
            self._s3.put_object(Bucket=_BUCKET, Key=f"{made_of}/{name}", Body=content)
        document = emulator.document(template, ministack.STACK, f"s3://{_BUCKET}/{made_of}")
        key = f"{made_of}/template.json"
        self._s3.put_object(Bucket=_BUCKET, Key=key, Body=json.dumps(document).encode())
        tags = {_MADE_OF: made_of, ministack.API_ID_TAG: ministack.API_ID}
        return {
            "StackName": ministack.STACK,
            "TemplateURL": f"{self._endpoint}/{_BUCKET}/{key}",
            "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
            "Capabilities": _CAPABILITIES,
            "Tags": [{"Key": name, "Value": value} for name, value in tags.items()],
        }

    def _changed(self, how: str, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            getattr(self._cloudformation, how)(**request)
        except ClientError as refused:  # before anything was changed
            raise NotDeployed(f"the emulator does not take the stack: {refused}") from refused
        return self._settled() or {"StackStatus": f"{how}: the stack is gone"}

    def _remove(self) -> None:
        self._cloudformation.delete_stack(StackName=ministack.STACK)
        self._settled()

    def _settled(self) -> dict[str, Any] | None:
        """Return the stack once nothing is under way with it; None where there is none."""
        give_up_s = time.monotonic() + _WITHIN_S
        while (stack := self._stack()) is not None and stack["StackStatus"].endswith("IN_PROGRESS"):
            if time.monotonic() > give_up_s:
                raise NotDeployed(f"the stack is {stack['StackStatus']} for {_WITHIN_S:g} s")
            time.sleep(_POLL_S)
        return None if stack is None or stack["StackStatus"] == "DELETE_COMPLETE" else stack

    def _stack(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._cloudformation.describe_stacks(StackName=ministack.STACK)["Stacks"][0]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":  # CloudFormation's word for "does not exist"
                return None
            raise
        return found

    def _reasons(self) -> str:
        try:
            events = self._cloudformation.describe_stack_events(StackName=ministack.STACK)["StackEvents"]
        except ClientError as error:
            return str(error)
        failed = [each for each in events if each["ResourceStatus"].endswith("FAILED")]
        return "\n".join(f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason', '')}" for each in failed)


def _tag(stack: Mapping[str, Any]) -> str:
    tags = {each["Key"]: each["Value"] for each in stack.get("Tags", [])}
    return str(tags.get(_MADE_OF, ""))
