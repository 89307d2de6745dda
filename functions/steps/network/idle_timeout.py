# SPDX-License-Identifier: Apache-2.0
"""Let connections that nobody uses any more end soon: the shortest idle time-outs that EC2 allows, on every interface.

Changing groups does not end tracked connections: an established TCP connection that is idle lives on for five days
(EC2 User Guide, connection tracking timeouts). With this it lives a minute. One that is in use lives on all the same.
Only interfaces of instances of the Nitro system can be told so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, TypedDict

from functions.aws import errors
from functions.aws.command import aws_command
from functions.grants import reads
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.steps import instance_type
from functions.steps.host import Host, Interface, interfaces_of
from functions.steps.instance_type import InstanceType
from functions.steps.network import isolate
from functions.steps.network.interface_groups import NAME as ISOLATE
from functions.steps.network.isolate_return import not_as_it_was
from functions.steps.reading import read_until
from functions.steps.step import Step, Task, conclude, failed_item, try_call

NAME = "idle_timeout"
READING_ITEM = "reading back"
TYPE_ITEM = "instance type"
SHORTEST = {"TcpEstablishedTimeout": 60, "UdpTimeout": 30, "UdpStreamTimeout": 60}
"""Seconds: the least that EC2 allows (API reference, ConnectionTrackingSpecificationRequest)."""
DEFAULTS = {"TcpEstablishedTimeout": 432_000, "UdpTimeout": 30, "UdpStreamTimeout": 180}
"""Seconds: what holds where nothing is configured (the same; newer types know a shorter one for TCP)."""

GRANTS = (*isolate.CHANGES, *instance_type.GRANTS, *reads("ec2:DescribeNetworkInterfaces"))
RELEASE_GRANTS = isolate.CHANGES


class Section(TypedDict):
    """What is configured on each interface, EC2's keys to seconds; None where nothing is."""

    interfaces: dict[str, dict[str, int] | None]


class Receipt(TypedDict, total=False):
    """Interfaces whose time-outs were shortened, or may have been."""

    changed: list[str]


TimeoutTask = Task[None, Section, Receipt]
Result = StepResult[Receipt]


def baseline(host: Host, _observation: Future[None]) -> Section:
    """Keep what is configured on every interface; None where nothing is."""
    return {"interfaces": _tracking(host.interfaces)}


def extend_baseline(host: Host, _observation: Future[None], section: Section) -> tuple[str, Section] | None:
    """Keep the same of interfaces that were attached after the baseline was taken."""
    new = [each for each in host.interfaces if each.id not in section["interfaces"]]
    return (new[0].id, {"interfaces": _tracking(new)}) if new else None


def plan(task: TimeoutTask) -> tuple[PlannedCall, ...]:
    """Return a call for each interface that takes changes."""
    return tuple(
        PlannedCall(NAME, "ModifyNetworkInterfaceAttribute", _parameters(each.id, SHORTEST))
        for each in task.host.interfaces
        if each.managed_by is None
    )


def warning(_task: TimeoutTask) -> str | None:
    """Say what is not read before it acts."""
    return "will be skipped where the host's type is not of the Nitro system"


def prepare(task: TimeoutTask) -> Future[InstanceType]:
    """Ask whether the host's type can do it; where that can't be read, EC2 decides."""
    return instance_type.reading(task.member, task.host)


def apply(task: TimeoutTask, prepared: Future[InstanceType]) -> Result:
    """Shorten the time-outs of every interface, all at once. Where the type isn't known, EC2 refuses or not."""
    reason = _obstacle(prepared)
    if reason:
        return conclude(NAME, [ItemOutcome(TYPE_ITEM, StepOutcome.SKIPPED, reason)], {})
    items = task.member.pool.all([partial(_shorten, task, each) for each in task.host.interfaces])
    changed = [item.what for item in items if item.outcome is StepOutcome.DONE or item.transient]
    receipt: Receipt = {"changed": changed}
    return conclude(NAME, items, receipt, nothing="the host has no interface")


def verify(task: TimeoutTask, result: Result) -> Result:
    """Read the interfaces back."""
    done = [item.what for item in result.items if item.outcome is StepOutcome.DONE]
    if not done:
        return result

    def wrong() -> list[str]:
        found = {each.id: each.tracking for each in interfaces_of(task.member.ec2, task.host.id)}
        return [each for each in done if found.get(each) != SHORTEST]

    try:
        left = read_until(task.member.clock, wrong, lambda found: not found)
    except errors.AwsError as error:
        return conclude(NAME, [*result.items, failed_item(READING_ITEM, error)], result.receipt)
    reason = "the time-outs are not read back as they were set"
    items = [
        ItemOutcome(item.what, StepOutcome.FAILED, reason, "NotInEffect", transient=True) if item.what in left else item
        for item in result.items
    ]
    return conclude(NAME, items, result.receipt)


def revert(task: TimeoutTask, _result: Result, now: Host) -> tuple[RestoredItem, ...]:
    """Give each interface its own time-outs back, where it still has the ones that were set.

    An interface that has the shortest time-outs of all three kinds, and had others before, has them from this step.
    """
    attached = {each.id: each for each in now.interfaces}
    work = [
        partial(_put_back, task, interface, before, attached.get(interface))
        for interface, before in task.section["interfaces"].items()
    ]
    return tuple(task.member.pool.all(work))


def _obstacle(prepared: Future[InstanceType]) -> str:
    """Return why the host's type takes no time-outs; empty where it does, and where the type can't be read."""
    try:
        found = prepared.result()
    except (instance_type.UnknownTypeError, *errors.AwsError):
        return ""
    if found.nitro:
        return ""
    return f"{found.name} is not of the Nitro system, whose interfaces alone can be told when to forget"


def _tracking(interfaces: Iterable[Interface]) -> dict[str, dict[str, int] | None]:
    return {each.id: dict(each.tracking) if each.tracking else None for each in interfaces}


def _parameters(interface: str, tracking: Mapping[str, int]) -> dict[str, Any]:
    return {"NetworkInterfaceId": interface, "ConnectionTrackingSpecification": dict(tracking)}


def _shorten(task: TimeoutTask, interface: Interface) -> ItemOutcome:
    if interface.managed_by is not None:
        reason = f"managed by {interface.managed_by}, which lets nobody else change it"
        return ItemOutcome(interface.id, StepOutcome.SKIPPED, reason)
    if interface.id not in task.section["interfaces"]:
        reason = "attached after the baseline was taken, so it is not changed"
        return ItemOutcome(interface.id, StepOutcome.FAILED, reason, "NoBaseline", transient=True)
    ec2, parameters = task.member.ec2, _parameters(interface.id, SHORTEST)
    return try_call(interface.id, lambda: ec2.modify_network_interface_attribute(**parameters))


def _put_back(
    task: TimeoutTask, interface: str, before: Mapping[str, int] | None, now: Interface | None
) -> RestoredItem:
    what = f"connection tracking of {interface}"
    wanted = {**DEFAULTS, **(before or {})}
    parameters = _parameters(interface, wanted)
    command = aws_command("ec2", "ModifyNetworkInterfaceAttribute", parameters, task.member.target.region)
    if now is None:
        reason = "no longer attached to this host"
        return RestoredItem(NAME, what, restored=False, reason=reason, command=command)
    if now.tracking == before:
        return RestoredItem(NAME, what, restored=True, reason="found as it was")
    if now.tracking not in (SHORTEST, wanted):
        reason = f"found as {dict(now.tracking or {})}, which is not what was set"
        return RestoredItem(NAME, what, restored=False, reason=reason, command=command)
    if now.tracking == SHORTEST:
        try:
            task.member.ec2.modify_network_interface_attribute(**parameters)
        except errors.AwsError as error:
            return RestoredItem(NAME, what, restored=False, reason=errors.message(error), retry=True, command=command)
    unset = [name for name in DEFAULTS if name not in (before or {})]
    told = f"what was not configured can't be unset: EC2's defaults were set for {', '.join(unset)}" if unset else ""
    return RestoredItem(NAME, what, restored=True, reason=told)


STEP = Step(
    name=NAME,
    within=ISOLATE,
    on=lambda options: bool(options.get("idle_timeout")),
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    services=("ec2",),
    baseline=baseline,
    plan=plan,
    warning=warning,
    prepare=prepare,
    apply=apply,
    verify=verify,
    revert=revert,
    extend_baseline=extend_baseline,
    unfit=not_as_it_was,
)
