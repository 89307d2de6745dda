# SPDX-License-Identifier: Apache-2.0
"""Clients of a lab from outside. The key of an account's root is the account's id, and it may do everything there.

What is to be judged by IAM is therefore never done as root: ``assumed`` gives the keys of a role.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=60)


class LabClients:
    """Clients of one lab."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def root(self, service: str, account: str, region: str) -> Any:
        """Return a client with the keys of an account's root."""
        return self._client(service, boto3.Session(account, "test", region_name=region))

    def assumed(self, service: str, credentials: Mapping[str, str], region: str) -> Any:
        """Return a client with what AssumeRole gave out as ``Credentials``."""
        keys = (credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
        return self._client(service, boto3.Session(*keys, region_name=region))

    def _client(self, service: str, session: boto3.Session) -> Any:
        return session.client(service, endpoint_url=self.endpoint, config=_CONFIG)  # type: ignore[call-overload]
