# SPDX-License-Identifier: Apache-2.0
"""Who wears a quarantine group: hosts in an incident do, and nobody else should.

Whoever can put a group on an interface can make a stranger's host look quarantined, or be hurt by what is done to the
group. The hub's own claims tell who is in an incident; tags and names prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from functions.steps.reading import every, filtered
from functions.steps.step import AnyTask, Member


@dataclass(frozen=True, slots=True)
class Wearer:
    """An interface that wears recorded groups; ``instance`` is None where it is attached to none."""

    interface: str
    instance: str | None
    groups: tuple[str, ...]


def wearers_of(member: Member, groups: list[str]) -> tuple[Wearer, ...]:
    """Return every interface that wears one of the groups; raise what DescribeNetworkInterfaces raises."""
    found = filtered(member.pool, member.ec2.describe_network_interfaces, "NetworkInterfaces", "group-id", groups)
    return tuple(
        Wearer(
            each["NetworkInterfaceId"],
            each.get("Attachment", {}).get("InstanceId"),
            tuple(group["GroupId"] for group in each.get("Groups", [])),
        )
        for each in found
    )


def others(task: AnyTask, worn: Iterable[Wearer]) -> list[Wearer]:
    """Return those that are not the host's own."""
    own = {interface.id for interface in task.host.interfaces}
    return [each for each in worn if each.interface not in own]


def outside_incidents(task: AnyTask, worn: Iterable[Wearer]) -> list[Wearer]:
    """Return those whose instance is in no incident that isolates it. Raises what reading the hub's claims raises."""
    member = task.member
    hosts = {each: replace(member.target, instance=each.instance) for each in worn if each.instance is not None}
    known = member.records.contained(hosts.values()) if hosts else set()
    return [each for each in worn if hosts.get(each) not in known]


def worn_by_others(task: AnyTask, group: str) -> bool:
    """Tell whether an interface of any other host wears a group. Raises what DescribeNetworkInterfaces raises."""
    found = every(
        task.member.ec2.describe_network_interfaces,
        "NetworkInterfaces",
        Filters=[{"Name": "group-id", "Values": [group]}],
    )
    own = {interface.id for interface in task.host.interfaces}
    return any(each["NetworkInterfaceId"] not in own for each in found)
