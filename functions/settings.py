# SPDX-License-Identifier: Apache-2.0
"""Configuration of the functions, from the environment, read in the handler and checked at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from functions import names

_ACCOUNT = re.compile(r"[0-9]{12}")
_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}")
_QUALIFIER = re.compile(r"[a-z][a-z0-9-]{0,19}")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d")


class SettingsError(Exception):
    """The environment lacks a variable or has a wrong value. ``problems`` has one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the hub's own things are, and the ceilings that no policy can lift."""

    organization: str
    hub_account: str
    forensics_account: str | None
    home_region: str
    qualifier: str
    table: str
    policy_bucket: str
    evidence_bucket: str
    topic: str
    lease_seconds: int
    ceiling_per_hour: int

    def role_arn(self, partition: str, account: str, purpose: str) -> str:
        """Return the ARN of a member role; ``purpose`` is ``contain`` or ``release``."""
        role = names.member_role(self.qualifier, purpose)
        return f"arn:{partition}:iam::{account}:role{names.iam_path(self.qualifier)}{role}"

    def external_id(self, account: str) -> str:
        """Return the ExternalId that the member's trust policy asks for, bound to that account."""
        return names.external_id(self.qualifier, account)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read and check every variable; raise SettingsError that names all that are wrong."""
        problems: list[str] = []

        def text(name: str, pattern: re.Pattern[str] | None = None, what: str = "") -> str:
            value = environ.get(name, "").strip()
            if not value:
                problems.append(f"{name} is not set")
            elif pattern is not None and not pattern.fullmatch(value):
                problems.append(f"{name} is {value!r}, which is not {what}")
            return value

        def number(name: str, default: int) -> int:
            value = environ.get(name, str(default)).strip()
            if not value.isdecimal() or int(value) < 1:
                problems.append(f"{name} is {value!r}, which is not a whole number above 0")
                return default
            return int(value)

        settings = cls(
            organization=text("CORDON_ORGANIZATION", _ORGANIZATION, "an organisation id (o-...)"),
            hub_account=text("CORDON_HUB_ACCOUNT", _ACCOUNT, "a 12-digit account id"),
            forensics_account=environ.get("CORDON_FORENSICS_ACCOUNT") or None,
            home_region=text("AWS_REGION", _REGION, "a Region"),
            qualifier=text("CORDON_QUALIFIER", _QUALIFIER, "a qualifier (lower-case letters, digits, dashes)"),
            table=text("CORDON_TABLE"),
            policy_bucket=text("CORDON_POLICY_BUCKET"),
            evidence_bucket=text("CORDON_EVIDENCE_BUCKET"),
            topic=text("CORDON_TOPIC"),
            lease_seconds=number("CORDON_LEASE_SECONDS", 90),
            ceiling_per_hour=number("CORDON_CEILING_PER_HOUR", 50),
        )
        if settings.forensics_account and not _ACCOUNT.fullmatch(settings.forensics_account):
            problems.append(
                f"CORDON_FORENSICS_ACCOUNT is {settings.forensics_account!r}, which is not a 12-digit account id"
            )
        if problems:
            raise SettingsError(problems)
        return settings
