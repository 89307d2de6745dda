# SPDX-License-Identifier: Apache-2.0
"""The way back onto the network, as a release takes it: each interface's own groups, where it wears Cordon's alone."""

from __future__ import annotations

from functools import partial

from functions.aws import errors
from functions.aws.command import aws_command
from functions.incident.model import RestoredItem
from functions.steps.host import Host, Interface
from functions.steps.network.group_rules import NOT_VISIBLE
from functions.steps.network.interface_groups import NAME, IsolateTask, Result, swap
from functions.steps.reading import filtered

RESTORED_UNKNOWN = "attached with the quarantine group on, so what it should wear is not known"
STAYS_QUARANTINED = "so it stays quarantined"


def revert(task: IsolateTask, result: Result, now: Host) -> tuple[RestoredItem, ...]:
    """Put each interface's own groups back, if it wears a quarantine group of ours alone; the primary interface last.

    Which groups are ours the hub noted before anything wore them, whatever became of the attempt that put one on.
    """
    ours = {str(result.receipt.get("group")), *task.member.groups.values(), *task.member.made}
    attached = {each.id: each for each in now.interfaces}
    primary = {each.id for each in now.interfaces if each.device_index == 0}
    items: list[RestoredItem] = []
    for last in (False, True):
        work = [
            partial(_put_back, task, interface, list(before), ours, attached.get(interface))
            for interface, before in task.section["interfaces"].items()
            if (interface in primary) is last
        ]
        items.extend(task.member.pool.all(work))
    return tuple(items)


def not_as_it_was(item: RestoredItem) -> bool:
    """Tell whether an item of a release leaves an interface quarantined, for now or until somebody does something."""
    return not item.restored and (item.retry or item.reason.endswith(STAYS_QUARANTINED))


def _put_back(
    task: IsolateTask, interface: str, before: list[str], ours: set[str], now: Interface | None
) -> RestoredItem:
    what, command = f"groups of {interface}", _command(task, interface, before)
    if before and ours.issuperset(before):
        return RestoredItem(NAME, what, restored=False, reason=RESTORED_UNKNOWN)
    if now is None:
        return RestoredItem(NAME, what, restored=False, reason="no longer attached to this host", command=command)
    if list(now.groups) == before:
        return RestoredItem(NAME, what, restored=True, reason="found as they were")
    if len(now.groups) != 1 or now.groups[0] not in ours:
        reason = f"found with {', '.join(now.groups)}, which is not what was set"
        return RestoredItem(NAME, what, restored=False, reason=reason, command=command)
    try:
        task.member.ec2.modify_network_interface_attribute(**swap(interface, before))
    except errors.AwsError as error:
        if errors.code(error) in NOT_VISIBLE:
            return _put_back_the_rest(task, interface, before)
        return RestoredItem(NAME, what, restored=False, reason=errors.message(error), retry=True, command=command)
    return RestoredItem(NAME, what, restored=True)


def _put_back_the_rest(task: IsolateTask, interface: str, before: list[str]) -> RestoredItem:
    """Put those groups back that still exist: with fewer groups a host is more closed than it was, never more open."""
    ec2, pool = task.member.ec2, task.member.pool
    what, command = f"groups of {interface}", _command(task, interface, before)
    try:
        found = filtered(pool, ec2.describe_security_groups, "SecurityGroups", "group-id", before)
        there = {each["GroupId"] for each in found}
        left = [group for group in before if group in there]
        if left:
            ec2.modify_network_interface_attribute(**swap(interface, left))
    except errors.AwsError as error:
        reason = f"a group is gone, and what is left could not be put back: {errors.message(error)}"
        return RestoredItem(NAME, what, restored=False, reason=reason, retry=True, command=command)
    gone = ", ".join(group for group in before if group not in there)
    rest = f"{', '.join(left)} put back without it" if left else STAYS_QUARANTINED
    reason = f"{gone} no longer exists (make another, and name that in the command), {rest}"
    return RestoredItem(NAME, what, restored=False, reason=reason, command=command)


def _command(task: IsolateTask, interface: str, groups: list[str]) -> str:
    region = task.member.target.region
    return aws_command("ec2", "ModifyNetworkInterfaceAttribute", swap(interface, groups), region)
