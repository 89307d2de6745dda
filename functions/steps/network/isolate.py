# SPDX-License-Identifier: Apache-2.0
"""Isolate the host from the network: the quarantine group, and it alone, on every interface.

ModifyInstanceAttribute can't do it for a host with more than one interface, so each interface is swapped by itself,
all at once. Only a group that is proven to let nothing out is put on; a failure leaves an interface as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from functions.aws import errors
from functions.grants import ONE_INSTANCE, Conditions, Grant, reads
from functions.incident.model import ItemOutcome, PlannedCall, StepOutcome
from functions.names import INCIDENT_PATTERN, STATUS_TAG, STATUS_VALUE
from functions.steps.host import Host, Interface, interfaces_of
from functions.steps.network import quarantine_group
from functions.steps.network.access import rules_of
from functions.steps.network.group_rules import ACCESS_ITEM, GroupError, try_call_on_group
from functions.steps.network.interface_groups import NAME, IsolateTask, Receipt, Result, Section, groups_of, swap
from functions.steps.network.isolate_return import not_as_it_was, revert
from functions.steps.network.quarantine_group import GROUP_ITEM, RECORD_ITEM, GroupToPutOn, Recorded
from functions.steps.reading import read_until
from functions.steps.risk import CONNECTIONS, PUBLIC_ADDRESS, Aftermath, Channel, Risk
from functions.steps.step import Isolation, ItemError, Step, conclude, failed_item

HOST_ITEM = "the host"
READING_ITEM = "reading back"
SCALING_SECONDS = 10.0
"""How long the swap waits for the scaling group to have let the host go: no answer of another service opens a host."""

NETWORK = Risk(
    "network", "none of the host's interfaces is isolated: each wears the groups that it had", on_network=True
)
DNS = Risk(
    "dns",
    "security groups never filter the VPC's DNS resolver, so data can still leave by DNS queries",
    channel=Channel(re.compile("Trojan:EC2/DNSDataExfiltration"), "DNS, is not cut by groups"),
)
METADATA = Risk(
    "instance-metadata",
    "security groups never filter the metadata service, so the host still gets its credentials",
)
INTERFACES = Risk("interfaces", "an interface of the host does not wear the quarantine group", on_network=True)
MANAGED = Risk(
    "managed-interfaces",
    "an interface that an AWS service manages kept its groups, since nobody else may change them",
    on_network=True,
)
BRANCHES = Risk(
    "branch-interfaces",
    "interfaces of pods or tasks hang on the host's trunk interface and keep groups of their own",
)

_NOT_INTERFACES = frozenset({ACCESS_ITEM, GROUP_ITEM, HOST_ITEM, READING_ITEM, RECORD_ITEM})

_SWAP = "ec2:ModifyNetworkInterfaceAttribute"
_NEVER_SET = (
    # every attribute of an interface but its groups, and its connection tracking, which the option idle_timeout sets
    "AssociatedSubnetIds",
    "AssociatePublicIpAddress",
    "Attachment",
    "Description",
    "EnablePrimaryIpv6",
    "EnaSrdSpecification",
    "SourceDestCheck",
)
_GROUPS_ALONE: Conditions = {"Null": {f"ec2:Attribute/{name}": ("true",) for name in _NEVER_SET}}
_ANY_INTERFACE = "No key ties an interface to its instance, and its id is not known when the session begins."
CHANGES = (
    Grant(_SWAP, "network-interface", _ANY_INTERFACE, _GROUPS_ALONE),
    Grant(_SWAP, "instance", ONE_INSTANCE),
)
"""What changing an interface takes, of groups or of connection tracking: EC2 may tell IAM of neither by name."""
_SUBNET = Grant(
    _SWAP,
    "subnet",
    "EC2 names a subnet only where an interface gets further ones, which the grant on the interface forbids. It is "
    "here in case EC2 asks for it all the same: an interface that can't be swapped is not isolated.",
    any_owner=True,
)
GRANTS = (
    *quarantine_group.GRANTS,
    *reads("ec2:DescribeNetworkInterfaces"),
    Grant(
        _SWAP,
        "security-group",
        "Hosts of several incidents wear the same group. Whoever may tag groups can make another wearable, so the hub "
        "puts on none but those that it recorded, and the service control policies guard the tags.",
        {
            "StringEquals": {f"aws:ResourceTag/{STATUS_TAG}": (STATUS_VALUE,)},
            "StringLike": {"aws:ResourceTag/{incident_tag}": (INCIDENT_PATTERN,)},
        },
    ),
    *CHANGES,
    _SUBNET,
)
RELEASE_GRANTS = (
    Grant(
        _SWAP,
        "security-group",
        "What a host wore before can be any group, of its own account or of the owner of a shared VPC: hence a role of "
        "its own, which only the release function may assume.",
        any_owner=True,
    ),
    *CHANGES,
    _SUBNET,
    *reads("ec2:DescribeSecurityGroups"),
)


def baseline(host: Host, _observation: Future[Recorded]) -> Section:
    """Keep the groups of every interface, in their order."""
    return {"interfaces": groups_of(host.interfaces), "vpc": host.vpc}


def extend_baseline(host: Host, _observation: Future[Recorded], section: Section) -> tuple[str, Section] | None:
    """Keep the groups of interfaces that were attached after the baseline was taken."""
    new = [each for each in host.interfaces if each.id not in section["interfaces"]]
    return (new[0].id, {"interfaces": groups_of(new)}) if new else None


def plan(task: IsolateTask) -> tuple[PlannedCall, ...]:
    """Return the calls: the group, if it must be made, then the swaps."""
    group = quarantine_group.trusted(task)
    making = () if group else quarantine_group.planned(task)
    swaps = tuple(
        PlannedCall(NAME, "ModifyNetworkInterfaceAttribute", swap(each.id, [group or quarantine_group.NEW_GROUP]))
        for each in task.host.interfaces
        if _obstacle(task, each) is None
    )
    return (*making, *swaps)


def prepare(task: IsolateTask) -> GroupToPutOn:
    """Find or make the group. Raises ItemError, with the item that the step then ends with."""
    try:
        return quarantine_group.ensure(task)
    except GroupError as error:
        code = errors.code(error.__cause__) if error.__cause__ else error.code
        failed = ItemOutcome(GROUP_ITEM, StepOutcome.FAILED, str(error), code, error.transient)
        raise ItemError(failed) from error
    except errors.AwsError as error:
        raise ItemError(failed_item(GROUP_ITEM, error)) from error


def apply(task: IsolateTask, prepared: GroupToPutOn) -> Result:
    """Swap every interface at once; each has an outcome of its own."""
    group = prepared.group
    items = task.member.pool.all([_swapper(task, each, group) for each in task.host.interfaces])
    swapped = [item.what for item in items if item.outcome is StepOutcome.DONE]
    receipt: Receipt = {"group": group, "swapped": swapped, "verified": []}
    items.extend(prepared.gaps)
    return conclude(NAME, items, receipt, nothing="the host has no interface")


def verify(task: IsolateTask, result: Result) -> Result:
    """Read all interfaces of the host back, and the group: each wears the group alone, the group has its rules alone.

    An interface that was attached meanwhile fails an item of its own. A new group that is right is recorded now.
    """
    group = result.receipt.get("group")
    if not group:
        return result
    try:
        interfaces, found = read_until(task.member.clock, partial(_read_back, task, group), partial(_so, task, result))
    except errors.AwsError as error:
        return conclude(NAME, [*result.items, failed_item(READING_ITEM, error)], result.receipt)
    items = _checked(result, group, interfaces)
    items.extend(_checked_group(task, result, found))
    if task.host.interfaces and not interfaces:
        reason = "has no interface any more when read back: it is gone, or somebody took them away"
        items.append(ItemOutcome(HOST_ITEM, StepOutcome.FAILED, reason, "HostGone"))
    if found is not None and quarantine_group.as_it_should_be(task, found):
        recorded = quarantine_group.record(task, group)
        items.extend([recorded] if recorded.outcome is not StepOutcome.DONE else [])
    verified = [each.id for each in interfaces if each.groups == (group,)]
    receipt: Receipt = {**result.receipt, "verified": verified}
    return conclude(NAME, items, receipt)


def isolation(result: Result) -> Isolation:
    """Return which interfaces are off the network, and which the result says are not."""
    failed = {item.what for item in result.items if item.outcome is StepOutcome.FAILED}
    return Isolation(
        swapped=frozenset(result.receipt.get("swapped", [])),
        verified=frozenset(result.receipt.get("verified", [])),
        failed=frozenset(failed - _NOT_INTERFACES - {str(result.receipt.get("group"))}),
    )


def leaves(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    """Name what is left of the host's ways by network, even once it wears the quarantine group.

    Connections are tracked per path: they live on over every path, whatever groups the host wears, unless another step
    ends them.
    """
    host, found = aftermath.host, isolation(aftermath.result) if aftermath.result is not None else Isolation()
    yield from (CONNECTIONS, DNS, METADATA)
    if any(each.public for each in host.interfaces):
        yield PUBLIC_ADDRESS
    managed = {each.id for each in host.interfaces if each.managed_by or host.managed_by}
    if managed - found.verified:
        yield MANAGED
    if any(each.kind in ("trunk", "branch") for each in host.interfaces):
        yield BRANCHES
    own = {each.id for each in host.interfaces} - managed
    if not found.swapped:
        yield NETWORK
    elif own - found.verified or found.failed - managed:
        yield INTERFACES  # another try may isolate these; those that a service manages it can't


def _obstacle(task: IsolateTask, interface: Interface) -> ItemOutcome | None:
    """Return why an interface is not swapped, or None."""
    if interface.managed_by is not None:
        reason = f"managed by {interface.managed_by}, which lets nobody else change it"
        return ItemOutcome(interface.id, StepOutcome.FAILED, reason, "Managed")
    if interface.vpc is not None and interface.vpc != task.host.vpc:
        reason = f"in another VPC ({interface.vpc}) than the host, whose quarantine group it can't wear"
        return ItemOutcome(interface.id, StepOutcome.FAILED, reason, "OtherVpc")
    if interface.id not in task.section["interfaces"]:
        reason = "attached after the baseline was taken, so it is not changed"
        return ItemOutcome(interface.id, StepOutcome.FAILED, reason, "NoBaseline", transient=True)
    return None


def _swapper(task: IsolateTask, interface: Interface, group: str) -> Callable[[], ItemOutcome]:
    """Return the work that isolates one interface, or that says why it does not."""
    obstacle = _obstacle(task, interface)
    if obstacle is not None:
        return lambda: obstacle
    if interface.groups == (group,):
        return lambda: ItemOutcome(interface.id, StepOutcome.DONE, "wears the quarantine group already")
    change = partial(task.member.ec2.modify_network_interface_attribute, **swap(interface.id, [group]))
    return partial(try_call_on_group, task.member, interface.id, change)


def _read_back(task: IsolateTask, group: str) -> tuple[list[Interface], Mapping[str, Any] | None]:
    pool, ec2 = task.member.pool, task.member.ec2
    interfaces = pool.start(partial(interfaces_of, ec2, task.host.id))
    found = pool.start(partial(quarantine_group.read, task, group))
    return interfaces.result(), found.result()


def _so(task: IsolateTask, result: Result, seen: tuple[list[Interface], Mapping[str, Any] | None]) -> bool:
    """Tell whether what was read back shows everything that was done."""
    interfaces, found = seen
    items = [*_checked(result, str(result.receipt["group"]), interfaces), *_checked_group(task, result, found)]
    return not any(item.error in {"NotInEffect", "GroupNotTrusted"} or item.what == RECORD_ITEM for item in items)


def _checked(result: Result, group: str, interfaces: Iterable[Interface]) -> list[ItemOutcome]:
    """Return the items after reading back; what failed before stays as it was told then."""
    worn = {each.id: each for each in interfaces}
    items = []
    for item in result.items:
        found = worn.pop(item.what, None)
        if item.outcome is not StepOutcome.DONE or (found is not None and found.groups == (group,)):
            items.append(item)
        else:
            reason = f"read back with {', '.join(found.groups)}" if found else "no longer attached when read back"
            items.append(ItemOutcome(item.what, StepOutcome.FAILED, reason, "NotInEffect", transient=True))
    for each in worn.values():
        if each.groups != (group,):
            reason = f"attached meanwhile, read back with {', '.join(each.groups)}"
            passing = each.managed_by is None
            items.append(
                ItemOutcome(
                    each.id, StepOutcome.FAILED, reason, "NotInEffect" if passing else "Managed", transient=passing
                )
            )
    return items


def _checked_group(task: IsolateTask, result: Result, found: Mapping[str, Any] | None) -> list[ItemOutcome]:
    if found is None:
        return [_not_trusted("the quarantine group is gone")]
    if quarantine_group.as_it_should_be(task, found):
        return []
    if not rules_of(found) <= quarantine_group.access_of(task).rules:
        return [_not_trusted("the quarantine group has rules that it should not have")]
    if any(item.what == ACCESS_ITEM for item in result.items):  # which is told already
        return []
    reason = "not made, since the group's rules can't be read back whole yet: it serves this incident alone"
    return [ItemOutcome(RECORD_ITEM, StepOutcome.SKIPPED, reason)]


def _not_trusted(reason: str) -> ItemOutcome:
    # The next try makes another group, or finds this one's rules as they are by then.
    return ItemOutcome(GROUP_ITEM, StepOutcome.FAILED, reason, "GroupNotTrusted", transient=True)


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    services=("ec2",),
    observe=quarantine_group.read_recorded,
    baseline=baseline,
    plan=plan,
    prepare=prepare,
    apply=apply,
    verify=verify,
    revert=revert,
    extend_baseline=extend_baseline,
    after=("scaling",),
    wait_seconds=SCALING_SECONDS,
    risks=(NETWORK, CONNECTIONS, PUBLIC_ADDRESS, DNS, METADATA, MANAGED, BRANCHES, INTERFACES),
    unfit=not_as_it_was,
    leaves=leaves,
    isolation=isolation,
)
