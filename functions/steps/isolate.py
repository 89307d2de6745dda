# SPDX-License-Identifier: Apache-2.0
"""Isolate the host from the network: the quarantine group, and it alone, on every interface.

ModifyInstanceAttribute can't do it for a host with more than one interface, so each interface is swapped by itself,
all at once. Nothing here ever puts another group on: a failure leaves an interface as it was, never more open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from functions.aws import errors
from functions.incident.model import Part, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.steps import quarantine_group
from functions.steps.access import rules_of
from functions.steps.host import Host, Interface
from functions.steps.quarantine_group import ACCESS_PART, GroupError, Prepared
from functions.steps.step import Member, Section, Step, Task, attempt, conclude, failed_part, restore

NAME = "isolate"
GROUP_PART = "quarantine group"


def observe(member: Member) -> Any:
    """Read the recorded quarantine groups with their rules, or return the error that this raised."""
    try:
        return quarantine_group.read_recorded(member)
    except errors.AwsError as error:
        return error


def baseline(host: Host, observed: Any) -> Section:
    """Keep the groups of every interface, in their order."""
    del observed
    return {"interfaces": {each.id: list(each.groups) for each in host.interfaces}, "vpc": host.vpc}


def plan(task: Task) -> tuple[PlannedCall, ...]:
    """Return the calls: the group, if it must be made, then the swaps."""
    group = quarantine_group.trusted(task)
    making = () if group else quarantine_group.planned(task)
    swaps = tuple(
        PlannedCall(NAME, "ModifyNetworkInterfaceAttribute", _swap(each.id, [group or quarantine_group.NEW_GROUP]))
        for each in task.host.interfaces
        if _obstacle(task, each) is None
    )
    return (*making, *swaps)


def prepare(task: Task) -> Prepared | Part:
    """Find or make the group; a failure becomes the part that the step ends with."""
    try:
        return quarantine_group.ensure(task)
    except GroupError as error:
        cause = error.__cause__
        transient = cause is not None and errors.transient(cause)
        code = errors.code(cause) if cause else "GroupNotTrusted"
        return Part(GROUP_PART, StepOutcome.FAILED, str(error), code, transient)
    except errors.AwsError as error:
        return failed_part(GROUP_PART, error)


def apply(task: Task, prepared: Any) -> StepResult:
    """Swap every interface at once; each has an outcome of its own."""
    if isinstance(prepared, Part):
        return conclude(NAME, [prepared], {"group": None, "swapped": [], "verified": []})
    group = prepared.group
    parts = task.member.pool.all([_swapper(task, each, group) for each in task.host.interfaces])
    swapped = [part.what for part in parts if part.outcome is StepOutcome.DONE]
    receipt = {"group": group, "swapped": swapped, "verified": []}
    parts.extend(prepared.gaps)
    nothing = "the host has no interface"
    return conclude(NAME, parts, receipt, nothing=nothing)


def verify(task: Task, result: StepResult) -> StepResult:
    """Read interfaces and group back: every swapped interface wears the group alone, the group has its rules alone."""
    group, swapped = result.receipt.get("group"), list(result.receipt.get("swapped", []))
    if not group or not swapped:
        return result
    ec2 = task.member.ec2
    try:
        answers = task.member.pool.all(
            [
                lambda: ec2.describe_network_interfaces(NetworkInterfaceIds=swapped)["NetworkInterfaces"],
                lambda: ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": [group]}])[
                    "SecurityGroups"
                ],
            ]
        )
    except errors.AwsError as error:
        return conclude(NAME, [*result.parts, failed_part("reading back", error)], result.receipt)
    worn = {each["NetworkInterfaceId"]: [one["GroupId"] for one in each["Groups"]] for each in answers[0]}
    parts = [_checked(part, group, worn) for part in result.parts]
    parts.extend(_checked_group(task, result, answers[1]))
    verified = [each for each in swapped if worn.get(each) == [group]]
    return conclude(NAME, parts, {**result.receipt, "verified": verified})


def revert(task: Task, result: StepResult, now: Host) -> tuple[RestoredItem, ...]:
    """Put each interface's own groups back, if it wears a quarantine group of ours alone.

    Which groups are ours the hub's record tells, whatever became of the attempt that put one on.
    """
    ours = {str(result.receipt.get("group")), *task.member.groups.values()}
    attached = {each.id: each for each in now.interfaces}
    work = [
        partial(_put_back, task, interface, list(before), ours, attached.get(interface))
        for interface, before in task.section["interfaces"].items()
    ]
    return tuple(task.member.pool.all(work))


def _swap(interface: str, groups: list[str]) -> dict[str, Any]:
    return {"NetworkInterfaceId": interface, "Groups": groups}


def _obstacle(task: Task, interface: Interface) -> Part | None:
    """Return why an interface is not swapped, or None."""
    if interface.managed_by is not None:
        reason = f"managed by {interface.managed_by}, which lets nobody else change it"
        return Part(interface.id, StepOutcome.FAILED, reason, "Managed")
    if interface.id not in task.section["interfaces"]:
        reason = "attached after the baseline was taken, so it is not changed"
        return Part(interface.id, StepOutcome.FAILED, reason, "NoBaseline")
    return None


def _swapper(task: Task, interface: Interface, group: str) -> Callable[[], Part]:
    def swap() -> Part:
        obstacle = _obstacle(task, interface)
        if obstacle is not None:
            return obstacle
        if interface.groups == (group,):
            return Part(interface.id, StepOutcome.DONE, "wears the quarantine group already")
        parameters = _swap(interface.id, [group])
        return attempt(interface.id, lambda: task.member.ec2.modify_network_interface_attribute(**parameters))

    return swap


def _checked(part: Part, group: str, worn: Mapping[str, list[str]]) -> Part:
    if part.outcome is not StepOutcome.DONE or worn.get(part.what) == [group]:
        return part
    reason = f"read back with {', '.join(worn.get(part.what, ['nothing']))}"
    return Part(part.what, StepOutcome.FAILED, reason, "NotInEffect", transient=True)


def _checked_group(task: Task, result: StepResult, groups: list[Mapping[str, Any]]) -> list[Part]:
    allowed = quarantine_group.access_of(task).rules
    if any(part.what == ACCESS_PART for part in result.parts):
        allowed = frozenset()  # the way in could not be made, which is told already
    if groups and rules_of(groups[0]) <= allowed:
        return []
    reason = "the quarantine group has rules that it should not have" if groups else "the quarantine group is gone"
    return [Part(GROUP_PART, StepOutcome.FAILED, reason, "GroupNotTrusted")]


def _put_back(task: Task, interface: str, before: list[str], ours: set[str], now: Interface | None) -> RestoredItem:
    what = f"groups of {interface}"
    if now is None:
        return RestoredItem(NAME, what, restored=False, reason="no longer attached to this host")
    if list(now.groups) == before:
        return RestoredItem(NAME, what, restored=True, reason="found as they were")
    if len(now.groups) != 1 or now.groups[0] not in ours:
        reason = f"found with {', '.join(now.groups)}, which is not what was set"
        return RestoredItem(NAME, what, restored=False, reason=reason)
    ec2 = task.member.ec2
    return restore(NAME, what, lambda: ec2.modify_network_interface_attribute(**_swap(interface, before)))


STEP = Step(
    name=NAME,
    permissions=(
        *quarantine_group.PERMISSIONS,
        "ec2:DescribeNetworkInterfaces",
        "ec2:ModifyNetworkInterfaceAttribute",
    ),
    release_permissions=("ec2:ModifyNetworkInterfaceAttribute",),
    observe=observe,
    baseline=baseline,
    plan=plan,
    prepare=prepare,
    apply=apply,
    verify=verify,
    revert=revert,
)
