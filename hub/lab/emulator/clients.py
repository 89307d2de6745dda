# SPDX-License-Identifier: Apache-2.0
"""Clients of the lab for the lab itself: what CloudFormation does in an account is done by calls there.

Not to be used on the thread that answers calls: it would wait for itself.
"""

from __future__ import annotations

import os
from typing import Any

import boto3


def root_session(account: str, region: str) -> boto3.Session:
    """Return a session of an account's root, whose key in the lab is the account's id."""
    return boto3.Session(aws_access_key_id=account, aws_secret_access_key="test", region_name=region)  # noqa: S106


def client(service: str, account: str, region: str) -> Any:
    """Return a client of a service there."""
    endpoint = f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"
    return root_session(account, region).client(service, endpoint_url=endpoint)  # type: ignore[call-overload]
