# SPDX-License-Identifier: Apache-2.0
"""The investigators' way in: what policy allows through the quarantine group, and nothing else.

That is ports from named sources, and the endpoints of SSM where they come that way: its agent calls out, so that the
host must reach them. An access profile is a hash of all that. There is one quarantine group for each VPC and profile.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_PROFILE_CHARACTERS = 8
_HTTPS = 443
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
    """Ports (TCP) that investigators may reach, and from where; ``ssm``: what the host may reach by HTTPS."""

    ports: tuple[int, ...] = ()
    cidrs: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    prefix_lists: tuple[str, ...] = ()
    ssm: tuple[str, ...] = ()

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Access:
        """Read the ``access`` option of the isolate step."""
        access = options.get("access") or {}
        return cls(
            ports=tuple(sorted({int(port) for port in access.get("ports", ())})),
            cidrs=tuple(sorted({str(ipaddress.ip_network(cidr)) for cidr in access.get("cidrs", ())})),
            security_groups=tuple(sorted(set(access.get("security_groups", ())))),
            prefix_lists=tuple(sorted(set(access.get("prefix_lists", ())))),
            ssm=tuple(sorted({_endpoint(each) for each in access.get("ssm", ())})),
        )

    @property
    def profile(self) -> str:
        """Short hash of what is allowed: the same access has the same profile everywhere."""
        allowed: list[Iterable[int | str]] = [self.ports, self.cidrs, self.security_groups, self.prefix_lists]
        if self.ssm:  # without it the hash is what it was before there was such an option: groups go on being used
            allowed.append(self.ssm)
        return hashlib.sha256(json.dumps(allowed).encode()).hexdigest()[:_PROFILE_CHARACTERS]

    @property
    def rules(self) -> frozenset[GroupRule]:
        """The rules that a quarantine group of this profile has: these and no other, in either direction."""
        sources = (*self.cidrs, *self.security_groups, *self.prefix_lists)
        inward = {_tcp(port, source, egress=False) for port in self.ports for source in sources}
        return frozenset(inward | {_tcp(_HTTPS, endpoint, egress=True) for endpoint in self.ssm})

    def permissions(self) -> list[dict[str, Any]]:
        """Return what lets investigators in as AuthorizeSecurityGroupIngress takes it."""
        given = _by_kind((*self.cidrs, *self.security_groups, *self.prefix_lists))
        return [_permission(port, given) for port in self.ports] if given else []

    def outward_permissions(self) -> list[dict[str, Any]]:
        """Return what lets the host reach the endpoints of SSM as AuthorizeSecurityGroupEgress takes it."""
        return [_permission(_HTTPS, _by_kind(self.ssm))] if self.ssm else []


def _endpoint(text: str) -> str:
    return text if text.startswith(("sg-", "pl-")) else str(ipaddress.ip_network(text))


def _tcp(port: int, source: str, *, egress: bool) -> GroupRule:
    return GroupRule(egress=egress, protocol="tcp", from_port=port, to_port=port, source=source)


def _permission(port: int, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **given}


def _by_kind(sources: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Return sources as a permission lists them, each under its kind."""
    found: dict[str, list[dict[str, str]]] = {}
    for name, key in _SOURCES:
        entries = [{key: source} for source in sources if _kind(source) == key]
        if entries:
            found[name] = entries
    return found


def _kind(source: str) -> str:
    if source.startswith("sg-"):
        return "GroupId"
    if source.startswith("pl-"):
        return "PrefixListId"
    return "CidrIpv6" if ":" in source else "CidrIp"


def rules_of(group: Mapping[str, Any]) -> frozenset[GroupRule]:
    """Return the rules of a group as DescribeSecurityGroups tells them."""
    ingress = _rules(group.get("IpPermissions", []), egress=False)
    return frozenset([*ingress, *_rules(group.get("IpPermissionsEgress", []), egress=True)])


def rule_of(told: Mapping[str, Any]) -> GroupRule:
    """Return one rule as DescribeSecurityGroupRules tells it."""
    group = told.get("ReferencedGroupInfo", {}).get("GroupId")
    source = told.get("CidrIpv4") or told.get("CidrIpv6") or told.get("PrefixListId") or group
    return GroupRule(
        egress=bool(told.get("IsEgress")),
        protocol=str(told.get("IpProtocol")),
        from_port=int(told.get("FromPort", -1)),
        to_port=int(told.get("ToPort", -1)),
        source=str(source),
    )


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
