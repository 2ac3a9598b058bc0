"""A Secrets Manager and a Parameter Store for tests, behind their real API; it counts how often a secret is read."""

from collections.abc import Callable
from itertools import count
from typing import Any

import boto3
import pytest

from chalicelib import secrets

Configure = Callable[..., None]
_REGION = "us-east-1"
_numbers = count(1)


class Vault:
    """Keeps texts under ARNs. `reads` has the ARN of each reading of this process, in order."""

    def __init__(self, endpoint_url: str, patch: pytest.MonkeyPatch) -> None:
        self._manager: Any = boto3.client("secretsmanager", endpoint_url=endpoint_url, region_name=_REGION)
        self._parameters: Any = boto3.client("ssm", endpoint_url=endpoint_url, region_name=_REGION)
        self.reads: list[str] = []
        really = secrets.fetched

        def counted(arn: str) -> str:
            self.reads.append(arn)
            return really(arn)

        patch.setattr(secrets, "fetched", counted)

    def keep(self, text: str) -> str:
        """Make a secret and return its ARN."""
        return str(self._manager.create_secret(Name=f"onsale-{next(_numbers)}", SecretString=text)["ARN"])

    def keep_binary(self, content: bytes) -> str:
        """Make a secret that is no text and return its ARN."""
        return str(self._manager.create_secret(Name=f"onsale-{next(_numbers)}", SecretBinary=content)["ARN"])

    def change(self, arn: str, text: str) -> None:
        """Give a secret another text."""
        self._manager.put_secret_value(SecretId=arn, SecretString=text)

    def delete(self, arn: str) -> None:
        """Take a secret away."""
        self._manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)

    def keep_parameter(self, text: str) -> str:
        """Make a parameter (SecureString) and return its ARN."""
        name = f"/onsale/{next(_numbers)}"
        self._parameters.put_parameter(Name=name, Value=text, Type="SecureString", Overwrite=True)
        return str(self._parameters.get_parameter(Name=name)["Parameter"]["ARN"])
