# SPDX-License-Identifier: Apache-2.0
"""The investigators' way in: what policy allows through the quarantine group, and nothing else.

An access profile is a hash of that. There is one quarantine group for each VPC and profile.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_PROFILE_CHARACTERS = 8
_SOURCES = (
    # list in the answer, key in an entry
    ("IpRanges", "CidrIp"),
    ("Ipv6Ranges", "CidrIpv6"),
    ("UserIdGroupPairs", "GroupId"),
    ("PrefixListIds", "PrefixListId"),
)


@dataclass(frozen=True, slots=True, order=True)
class GroupRule:
    """One rule of a security group, one source. ``source`` is a CIDR, a group id or a prefix list id."""

    egress: bool
    protocol: str
    from_port: int
    to_port: int
    source: str


@dataclass(frozen=True, slots=True)
class Access:
    """Ports (TCP) that investigators may reach, and from where."""

    ports: tuple[int, ...] = ()
    cidrs: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    prefix_lists: tuple[str, ...] = ()

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Access:
        """Read the ``access`` option of the isolate step."""
        access = options.get("access") or {}
        return cls(
            ports=tuple(sorted({int(port) for port in access.get("ports", ())})),
            cidrs=tuple(sorted({str(ipaddress.ip_network(cidr)) for cidr in access.get("cidrs", ())})),
            security_groups=tuple(sorted(set(access.get("security_groups", ())))),
            prefix_lists=tuple(sorted(set(access.get("prefix_lists", ())))),
        )

    @property
    def profile(self) -> str:
        """Short hash of what is allowed: the same access has the same profile everywhere."""
        text = json.dumps([self.ports, self.cidrs, self.security_groups, self.prefix_lists])
        return hashlib.sha256(text.encode()).hexdigest()[:_PROFILE_CHARACTERS]

    @property
    def rules(self) -> frozenset[GroupRule]:
        """The rules that a quarantine group of this profile has: these and no other, in either direction."""
        sources = (*self.cidrs, *self.security_groups, *self.prefix_lists)
        return frozenset(
            GroupRule(egress=False, protocol="tcp", from_port=port, to_port=port, source=source)
            for port in self.ports
            for source in sources
        )

    def permissions(self) -> list[dict[str, Any]]:
        """Return the same as AuthorizeSecurityGroupIngress takes it."""
        v4 = [{"CidrIp": cidr} for cidr in self.cidrs if ":" not in cidr]
        v6 = [{"CidrIpv6": cidr} for cidr in self.cidrs if ":" in cidr]
        groups = [{"GroupId": group} for group in self.security_groups]
        lists = [{"PrefixListId": each} for each in self.prefix_lists]
        sources = {"IpRanges": v4, "Ipv6Ranges": v6, "UserIdGroupPairs": groups, "PrefixListIds": lists}
        given = {name: entries for name, entries in sources.items() if entries}
        if not given:
            return []
        return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **given} for port in self.ports]


def rules_of(group: Mapping[str, Any]) -> frozenset[GroupRule]:
    """Return the rules of a group as DescribeSecurityGroups tells them."""
    ingress = _rules(group.get("IpPermissions", []), egress=False)
    return frozenset([*ingress, *_rules(group.get("IpPermissionsEgress", []), egress=True)])


def _rules(permissions: Iterable[Mapping[str, Any]], *, egress: bool) -> Iterable[GroupRule]:
    for permission in permissions:
        for name, key in _SOURCES:
            for entry in permission.get(name, []):
                yield GroupRule(
                    egress=egress,
                    protocol=str(permission.get("IpProtocol")),
                    from_port=int(permission.get("FromPort", -1)),
                    to_port=int(permission.get("ToPort", -1)),
                    source=str(entry.get(key)),
                )
