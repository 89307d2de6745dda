# SPDX-License-Identifier: Apache-2.0
"""The world that a simulation begins with, as the world file describes it: plain data, no AWS.

Every problem of a file is reported at once; an unknown key is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from functions.finding.model import Target

DEFAULT_ORGANIZATION = "o-exampleorgid"
DEFAULT_HUB = "111111111111"
DEFAULT_FORENSICS = "222222222222"
MANAGEMENT = "101010101010"
"""The management account; no world file names it."""

InstanceState = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
PublicIp = Literal["none", "elastic", "auto"]
Lifecycle = Literal["on-demand", "spot"]
RegisteredBy = Literal["instance", "ip"]


@dataclass(frozen=True, slots=True)
class GroupRuleSpec:
    """One rule of a security group. Ports None: all."""

    protocol: str
    cidr: str | None = None
    group: str | None = None
    from_port: int | None = None
    to_port: int | None = None


@dataclass(frozen=True, slots=True)
class Eni:
    """One network interface; ``groups`` None: the instance's. Without ``ipv4`` it is in a subnet of IPv6 alone."""

    groups: tuple[str, ...] | None = None
    ipv6: bool = False
    requester_managed: bool = False
    ipv4: bool = True
    trunk: bool = False
    source_dest_check: bool = True


@dataclass(frozen=True, slots=True)
class Profile:
    """An instance profile and the role in it."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class ScalingGroup:
    """An Auto Scaling group that the instance belongs to."""

    name: str
    min: int = 1
    max: int = 4
    desired: int = 2


@dataclass(frozen=True, slots=True)
class TargetGroupSpec:
    """A target group that the instance is registered with, by its id or by its primary private address."""

    name: str
    port: int = 80
    by: RegisteredBy = "instance"


@dataclass(frozen=True, slots=True)
class Instance:
    """One EC2 instance and what hangs on it. ``vpc_owner``: the account that shares its VPC with the instance's."""

    id: str
    account: str
    region: str
    type: str = "m6i.large"
    state: InstanceState = "running"
    vpc: str = "main"
    enis: tuple[Eni, ...] = (Eni(),)
    groups: tuple[str, ...] = ("app",)
    volumes: int = 1
    profile: Profile | None = None
    scaling_group: ScalingGroup | None = None
    target_groups: tuple[TargetGroupSpec, ...] = ()
    lifecycle: Lifecycle = "on-demand"
    nitro: bool = True
    public_ip: PublicIp = "none"
    instance_store: bool = False
    managed_by: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    vpc_owner: str | None = None


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A further security group. ``worn_by``: instances whose every interface wears it in addition."""

    account: str
    region: str
    name: str
    vpc: str = "main"
    tags: Mapping[str, str] = field(default_factory=dict)
    ingress: tuple[GroupRuleSpec, ...] = ()
    egress: tuple[GroupRuleSpec, ...] | None = None
    worn_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user with that many active access keys."""

    name: str
    account: str
    active_keys: int = 1


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """A member account and its place in the organisation, an absolute path of OU names."""

    name: str
    ou: str = "/"


@dataclass(frozen=True, slots=True)
class OrganizationSpec:
    """The organisation and its two special accounts. ``identity_role``: whether the opt-in role is in its members."""

    id: str = DEFAULT_ORGANIZATION
    hub: str = DEFAULT_HUB
    forensics: str = DEFAULT_FORENSICS
    identity_role: bool = False


@dataclass(frozen=True, slots=True)
class WorldSpec:
    """A whole world; only what it lists exists."""

    organization: OrganizationSpec = field(default_factory=OrganizationSpec)
    accounts: Mapping[str, AccountSpec] = field(default_factory=dict)
    instances: tuple[Instance, ...] = ()
    security_groups: tuple[SecurityGroup, ...] = ()
    users: tuple[User, ...] = ()

    @classmethod
    def from_targets(cls, targets: Iterable[Target], ou: str = "/") -> Self:
        """Return a world with the accounts and instances named, each instance with one interface and one volume."""
        unique = sorted({(each.account, each.region, each.instance) for each in targets})
        return cls(
            accounts={account: AccountSpec(name=f"account-{account}", ou=ou) for account, _, _ in unique},
            instances=tuple(
                Instance(id=instance, account=account, region=region) for account, region, instance in unique
            ),
        )

    def with_accounts(self, accounts: Iterable[str], ou: str = "/") -> Self:
        """Return this world with member accounts added that events name without an instance."""
        known = {*self.accounts, self.organization.hub, self.organization.forensics, MANAGEMENT}
        added = {each: AccountSpec(name=f"account-{each}", ou=ou) for each in sorted(accounts) if each not in known}
        return replace(self, accounts={**self.accounts, **added})
