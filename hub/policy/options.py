# SPDX-License-Identifier: Apache-2.0
"""The options that each step takes in policy. A further step is a class here and a field of ``Steps``."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ConfigDict

from hub.policy.words import Cidr, Flag, Port, PrefixList, SecurityGroup

_CLOSED = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Access:
    """The investigators' way into a quarantined host: these ports, from these sources, and nothing else."""

    __pydantic_config__ = _CLOSED
    ports: list[Port] | None = None
    cidrs: list[Cidr] | None = None
    security_groups: list[SecurityGroup] | None = None
    prefix_lists: list[PrefixList] | None = None


@dataclass(frozen=True, slots=True)
class Isolate:
    """The quarantine group on every network interface."""

    __pydantic_config__ = _CLOSED
    enabled: Flag | None = None
    access: Access | None = None


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
class Quarantine:
    """The tags that tell everybody, and the SCPs, that the host is isolated."""

    __pydantic_config__ = _CLOSED
    enabled: Flag | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """Every step that policy knows, by name."""

    __pydantic_config__ = _CLOSED
    isolate: Isolate | None = None
    protect: Protect | None = None
    snapshot: Snapshot | None = None
    quarantine: Quarantine | None = None
