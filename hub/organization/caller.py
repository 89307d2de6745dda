# SPDX-License-Identifier: Apache-2.0
"""The account of the credentials: read before any command uses them.

Credentials come from the same places as for every AWS tool (``AWS_PROFILE``, variables, SSO); Cordon stores none. The
Region is the deployment's, whatever the environment says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.aws import errors
from hub.organization.errors import CredentialsError

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config

    from hub.deployment.model import DeploymentSettings


@dataclass(frozen=True, slots=True)
class Caller:
    """Credentials that work. ``account`` and ``partition`` are those of ``arn``."""

    session: Session
    account: str
    arn: str
    partition: str

    def client(self, service: str, region: str | None = None, config: Config | None = None) -> Any:
        """Return a client; without a Region in the home Region."""
        made: Any = self.session.client(service, region_name=region, config=config)  # type: ignore[call-overload]
        return made


def identify(home_region: str) -> Caller:
    """Ask AWS for the account of the environment's credentials; raise CredentialsError with a sentence on failure."""
    from boto3.session import Session

    try:
        session = Session(region_name=home_region)
        answer = session.client("sts").get_caller_identity()
    except errors.AwsError as error:
        raise CredentialsError(
            f"there are no AWS credentials that work ({errors.message(error)}): set AWS_PROFILE, or log in"
        ) from error
    return Caller(session, answer["Account"], answer["Arn"], answer["Arn"].split(":")[1])


def hub_caller(settings: DeploymentSettings) -> Caller:
    """Return credentials of the hub account; raise CredentialsError if they don't work or are of another account."""
    caller = identify(settings.home_region)
    if caller.account != settings.hub:
        raise CredentialsError(wrong_account(caller, settings, settings.hub, "hub"))
    return caller


def wrong_account(caller: Caller, settings: DeploymentSettings, wanted: str, name: str) -> str:
    """Return the sentence about credentials of another account."""
    known = {settings.hub: "the hub", settings.management: "the management account", settings.forensics: "forensics"}
    whose = f" ({known[caller.account]})" if caller.account in known else ""
    return f"these credentials are of account {caller.account}{whose}, the {name} account is {wanted}: {caller.arn}"
