# SPDX-License-Identifier: Apache-2.0
"""The options of each step in policy. A new step needs a class here and a field of ``Steps``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import ConfigDict

from hub.policy.words import Cidr, Endpoint, Flag, Port, PrefixList, SecurityGroup, TagKey, User

_CLOSED = ConfigDict(extra="forbid")

REMOVED = {
    ("isolate", "untrack"): "was removed, since it opened the host (docs/adr/0022); the options that end "
    "open connections are network_acl and idle_timeout",
}
"""(step, option) -> the message about an option that an earlier version had."""


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """How investigators reach an isolated host: these ports, from these sources, and nothing else.

    ``ssm`` is their way by Session Manager: the endpoints that the host may reach by HTTPS.
    """

    __pydantic_config__ = _CLOSED
    ports: list[Port] | None = None
    cidrs: list[Cidr] | None = None
    security_groups: list[SecurityGroup] | None = None
    prefix_lists: list[PrefixList] | None = None
    ssm: list[Endpoint] | None = None


@dataclass(frozen=True, slots=True)
class Scaling:
    """Takes the host out of its Auto Scaling group and target groups, before it is isolated."""

    __pydantic_config__ = _CLOSED
    enabled: Flag | None = None
    leave: Literal["standby", "detach"] | None = None
    replace: Flag | None = None
    targets: Literal["deregister", "keep"] | None = None


@dataclass(frozen=True, slots=True)
class Isolate:
    """The quarantine group on every network interface, and the options that end open connections."""

    __pydantic_config__ = _CLOSED
    enabled: Flag | None = None
    access: AccessOptions | None = None
    idle_timeout: Flag | None = None
    network_acl: Flag | None = None
    public_address: Literal["keep", "disassociate"] | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """Volatile evidence without an agent."""

    __pydantic_config__ = _CLOSED
    enabled: Flag | None = None
    user_data: Flag | None = None


@dataclass(frozen=True, slots=True)
class RoleDenial:
    """Denies the host's role for this host alone, and restricts IAM users of the host.

    ``ssm: exempt`` leaves the host Systems Manager, where that is the investigators' way in.
    """

    __pydantic_config__ = _CLOSED
    enabled: Flag | None = None
    role: Literal["deny", "keep"] | None = None
    ssm: Literal["deny", "exempt"] | None = None
    users: list[User] | None = None
    user_tag: TagKey | None = None
    inline: Flag | None = None
    revoke_sessions: Flag | None = None
    instance_profile: Literal["keep", "swap"] | None = None


@dataclass(frozen=True, slots=True)
class Protect:
    """Termination and stop protection, and volumes that outlive the instance."""

    __pydantic_config__ = _CLOSED
    enabled: Flag | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Snapshots of all volumes."""

    __pydantic_config__ = _CLOSED
    enabled: Flag | None = None


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags by which people and service control policies know an isolated host."""

    __pydantic_config__ = _CLOSED
    enabled: Flag | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """Every step that policy knows, by name."""

    __pydantic_config__ = _CLOSED
    scaling: Scaling | None = None
    isolate: Isolate | None = None
    protect: Protect | None = None
    snapshot: Snapshot | None = None
    tags: Tags | None = None
    capture: Capture | None = None
    role_denial: RoleDenial | None = None
