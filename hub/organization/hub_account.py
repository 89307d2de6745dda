# SPDX-License-Identifier: Apache-2.0
"""The deployment as its operator reaches it: the hub account's table, buckets and functions, by their names.

What AWS answers is made a sentence here: most of all, that there is no such deployment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from functions import names
from functions.aws import errors
from hub.deployment.model import DeploymentSettings
from hub.organization.caller import Caller, hub_caller
from hub.organization.errors import NotThereError, OrganizationError, RefusedError

_ABSENT = frozenset({"ResourceNotFoundException", "NoSuchBucket"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


@dataclass(frozen=True, slots=True)
class HubAccount:
    """A deployment's hub, with credentials of its account."""

    settings: DeploymentSettings
    caller: Caller

    @classmethod
    def enter(cls, settings: DeploymentSettings) -> HubAccount:
        """Return the hub of these settings; raise CredentialsError if the credentials are not of its account."""
        return cls(settings, hub_caller(settings))

    @property
    def table(self) -> str:
        """Name of the table."""
        return names.table(self.settings.qualifier)

    @property
    def policy_bucket(self) -> str:
        """Name of the bucket of bundles and directories."""
        return names.policy_bucket(self.settings.qualifier, self.settings.hub, self.settings.home_region)

    def client(self, service: str) -> Any:
        """Return a client in the home Region."""
        return self.caller.client(service)


@contextmanager
def reaching(what: str, settings: DeploymentSettings) -> Iterator[None]:
    """Turn what AWS raises inside into a sentence about ``what``: NotThereError, RefusedError or OrganizationError."""
    try:
        yield
    except errors.AwsError as error:
        code, said = errors.code(error), errors.message(error)
        if code in _ABSENT:
            place = f"account {settings.hub}, {settings.home_region}"
            raise NotThereError(f"there is no {what} in {place}: is it deployed, under this qualifier?") from error
        if code in _DENIED:
            raise RefusedError(f"AWS refuses access to {what}: {said}") from error
        raise OrganizationError(f"{what} can't be reached: {said}") from error
