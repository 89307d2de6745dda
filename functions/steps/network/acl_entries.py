# SPDX-License-Identifier: Apache-2.0
"""Network ACLs of a VPC as cutting a host off needs them: which there are, what they hold, and where there is room.

An entry names the far end alone: the source of what comes in, the destination of what goes out (VPC User Guide, network
ACL rules). Entries are looked at in the order of their numbers, and the first that fits decides.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.steps.host import Host
from functions.steps.reading import every, filtered
from functions.steps.step import Member, StepError

ENTRIES = 20
"""Entries that an ACL may have in each direction, the last ones that AWS adds included (VPC quotas; a default)."""

_LAST = 32_766
"""The highest number that a customer's entry may have (API reference, CreateNetworkAclEntry)."""


class NoRoomError(StepError):
    """An ACL takes no further entries where they would count; the text says why."""

    code = "NoRoom"


@dataclass(frozen=True, slots=True)
class AclEntry:
    """One entry of an ACL."""

    number: int
    egress: bool
    action: str
    protocol: str
    cidr: str

    def denies(self, cidr: str) -> bool:
        """Tell whether it denies everything from or to one block, and nothing else."""
        return (self.action, self.protocol, self.cidr) == ("deny", "-1", cidr)


@dataclass(frozen=True, slots=True)
class Acl:
    """A network ACL. ``subnets`` are those that it is associated with."""

    id: str
    owner: str
    subnets: tuple[str, ...]
    entries: tuple[AclEntry, ...]

    def entry(self, number: int, *, egress: bool) -> AclEntry | None:
        """Return the entry of that number and direction, or None."""
        return next((each for each in self.entries if (each.number, each.egress) == (number, egress)), None)

    def room(self, cidrs: Sequence[str], others: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
        """Return a free number for each address, before every entry that isn't Cordon's. Raises NoRoomError."""
        taken = {int(number) for share in others.values() for number in share.values()}
        foreign = [each.number for each in self.entries if each.number <= _LAST and each.number not in taken]
        free = [number for number in range(1, min(foreign, default=_LAST)) if number not in taken]
        if len(free) < len(cidrs):
            raise NoRoomError(f"{self.id} has no {len(cidrs)} free numbers before rule {min(foreign, default=_LAST)}")
        for egress in (False, True):
            there = sum(1 for each in self.entries if each.egress is egress)
            if there + len(cidrs) > ENTRIES:
                way = "outbound" if egress else "inbound"
                raise NoRoomError(f"{self.id} has {there} of {ENTRIES} {way} entries and no room for {len(cidrs)} more")
        return dict(zip(cidrs, free, strict=False))


def read(member: Member, vpc: str) -> list[Acl]:
    """Return the ACLs of a VPC that serve a subnet, by id; raise what DescribeNetworkAcls raises."""
    filters = [{"Name": "vpc-id", "Values": [vpc]}]
    found = [_acl(each) for each in every(member.ec2.describe_network_acls, "NetworkAcls", Filters=filters)]
    return sorted((each for each in found if each.subnets), key=lambda each: each.id)


def read_by_id(member: Member, ids: Sequence[str]) -> dict[str, Acl]:
    """Return what there is of these ACLs, whatever they serve by now; raise what DescribeNetworkAcls raises."""
    found = filtered(member.pool, member.ec2.describe_network_acls, "NetworkAcls", "network-acl-id", ids)
    return {acl.id: acl for acl in map(_acl, found)}


def addresses_of(host: Host) -> list[str]:
    """Return every address of the host in its own VPC as the block that an entry names, each once."""
    return list(dict.fromkeys(str(ipaddress.ip_network(address)) for address in host.addresses))


def overlapping(one: Iterable[str], other: Iterable[str]) -> str | None:
    """Return the first block of the one that shares an address with a block of the other."""
    blocks = [ipaddress.ip_network(each) for each in other]
    for cidr in one:
        block = ipaddress.ip_network(cidr)
        if any(block.version == each.version and block.overlaps(each) for each in blocks):
            return cidr
    return None


def parameters(acl: str, number: int, cidr: str, *, egress: bool) -> dict[str, Any]:
    """Return what CreateNetworkAclEntry takes to deny everything from or to one address."""
    block = {"Ipv6CidrBlock": cidr} if ":" in cidr else {"CidrBlock": cidr}
    return {
        "NetworkAclId": acl,
        "RuleNumber": number,
        "Protocol": "-1",
        "RuleAction": "deny",
        "Egress": egress,
        **block,
    }


def _acl(described: Mapping[str, Any]) -> Acl:
    return Acl(
        id=described["NetworkAclId"],
        owner=described.get("OwnerId", ""),
        subnets=tuple(sorted(each["SubnetId"] for each in described.get("Associations", []) if "SubnetId" in each)),
        entries=tuple(_entry(each) for each in described.get("Entries", [])),
    )


def _entry(described: Mapping[str, Any]) -> AclEntry:
    cidr = described.get("CidrBlock") or described.get("Ipv6CidrBlock") or ""
    return AclEntry(
        number=int(described["RuleNumber"]),
        egress=bool(described["Egress"]),
        action=described["RuleAction"],
        protocol=str(described["Protocol"]),
        cidr=str(ipaddress.ip_network(cidr)) if cidr else "",
    )
