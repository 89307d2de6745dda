# SPDX-License-Identifier: Apache-2.0
"""One client per service and Region for the life of the process.

A new EC2 client costs 10 to 200 ms, nearly all of it reading its model. So clients are made once, one after the other
(making them in threads is slower), and clients for member accounts take the incident's credentials per call from a
context variable instead of being made anew for each incident.
"""

from __future__ import annotations

import threading
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials, ReadOnlyCredentials
from botocore.exceptions import ClientError, NoCredentialsError, UnknownRegionError

from functions.context import MEMBER_CREDENTIALS

AwsClient = Any
"""A botocore client; its methods are made at run time, so no static type fits without a package that doesn't ship."""

NOT_REPEATABLE = {
    "autoscaling": ("EnterStandby", "DetachInstances"),
    "ec2": ("CreateSnapshots", "CreateSnapshot", "CreateSecurityGroup"),
}
"""Calls that the SDK must not repeat: without an idempotency token a time-out may have taken effect, and isolation
waits for the first answer of those of Auto Scaling."""

CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=3,
    read_timeout=10,
    max_pool_connections=64,
    tcp_keepalive=True,
)


class ContextCredentials(Credentials):
    """Credentials that are looked up in the context at every signature."""

    def __init__(self) -> None:
        super().__init__("from-context", "from-context", "from-context", method="cordon-context")

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the incident's keys; raise NoCredentialsError outside an incident."""
        keys = MEMBER_CREDENTIALS.get()
        if keys is None:
            raise NoCredentialsError
        return ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.token)


class _ContextProvider(CredentialProvider):
    METHOD = "cordon-context"
    CANONICAL_NAME = "cordon-context"

    def load(self) -> Credentials:
        return ContextCredentials()


class Clients:
    """Clients of the hub itself and of whatever member account the context holds credentials for."""

    def __init__(self, session: botocore.session.Session, home_region: str) -> None:
        self._home_region = home_region
        self._hub = session
        self._member = botocore.session.Session(
            event_hooks=session.get_component("event_emitter"), include_builtin_handlers=False
        )
        self._member.register_component("data_loader", session.get_component("data_loader"))
        self._member.register_component("credential_provider", CredentialResolver([_ContextProvider()]))
        self._made: dict[tuple[str, str, str], AwsClient] = {}
        self._lock = threading.Lock()

    def hub(self, service: str) -> AwsClient:
        """Return the hub's own client of that service in the home Region."""
        return self._get("hub", service, self._home_region)

    def member(self, service: str, region: str) -> AwsClient:
        """Return the client of that service and Region that signs with the incident's credentials."""
        return self._get("member", service, region)

    def partition_of(self, region: str) -> str | None:
        """Return the partition that a Region belongs to, or None where AWS has no such Region."""
        try:
            return str(self._hub.get_partition_for_region(region))
        except UnknownRegionError:
            return None

    def _get(self, side: str, service: str, region: str) -> AwsClient:
        key = (side, service, region)
        with self._lock:
            if key not in self._made:
                session = self._hub if side == "hub" else self._member
                client = session.create_client(service, region_name=region, config=CONFIG)
                for operation in NOT_REPEATABLE.get(service, ()):
                    client.meta.events.register_first(f"needs-retry.{service}.{operation}", _raise_at_once)
                self._made[key] = client
            return self._made[key]


def _raise_at_once(response: Any = None, operation: Any = None, caught_exception: Any = None, **_: Any) -> None:
    """Raise before the SDK's own handler, which would repeat the call, is asked."""
    if caught_exception is not None:
        raise caught_exception
    if response is not None and response[0].status_code >= 300:  # noqa: PLR2004 — HTTP: not a success
        raise ClientError(response[1], operation.name)
