# SPDX-License-Identifier: Apache-2.0
"""Take the host's Elastic IP addresses off: what came from or went to the internet through them is cut at once.

They are recorded and given back on release; none is ever released to AWS, where others would get it. A public address
that EC2 assigned by itself is another thing: it goes when the host is stopped, which nobody does to evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, TypedDict

from functions.aws import errors
from functions.aws.command import aws_command
from functions.grants import ONE_INSTANCE, Grant, reads
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.steps.host import Host, Interface, PublicAddress, interfaces_of
from functions.steps.network.interface_groups import NAME as ISOLATE
from functions.steps.network.isolate_return import not_as_it_was
from functions.steps.reading import filtered, read_until
from functions.steps.risk import PUBLIC_ADDRESS, Aftermath, Risk
from functions.steps.step import Step, Task, conclude, failed_item, try_call

NAME = "public_address"
READING_ITEM = "reading back"
NOTHING = "the host has no public address"

_GONE = ("InvalidAssociationID.NotFound",)
_ANY_ADDRESS = "No key ties an address to its host, and its allocation is not known when the session begins."
_ANY_INTERFACE = "No key ties an interface to its instance, and its id is not known when the session begins."


def _grants(action: str) -> tuple[Grant, ...]:
    return (
        Grant(action, "elastic-ip", _ANY_ADDRESS),
        Grant(action, "network-interface", _ANY_INTERFACE),
    )


GRANTS = (*_grants("ec2:DisassociateAddress"), *reads("ec2:DescribeNetworkInterfaces"))
RELEASE_GRANTS = (
    *_grants("ec2:AssociateAddress"),
    Grant("ec2:AssociateAddress", "instance", ONE_INSTANCE),
    *reads("ec2:DescribeAddresses"),
)


class ElasticAddress(TypedDict):
    """Where an Elastic IP address was: interface, and the private address that it stands for there."""

    interface: str
    allocation: str
    private: str


class Section(TypedDict):
    """Every Elastic IP address of the host, by the address."""

    elastic: dict[str, ElasticAddress]


class Receipt(TypedDict, total=False):
    """The addresses that were taken off."""

    disassociated: list[str]


AddressTask = Task[None, Section, Receipt]
Result = StepResult[Receipt]


def baseline(host: Host, _observation: Future[None]) -> Section:
    """Keep every Elastic IP address: interface, allocation, and the private address that it stands for."""
    return {"elastic": _elastic(host.interfaces)}


def extend_baseline(host: Host, _observation: Future[None], section: Section) -> tuple[str, Section] | None:
    """Keep those that came to the host after the baseline was taken."""
    new = {name: each for name, each in _elastic(host.interfaces).items() if name not in section["elastic"]}
    return (next(iter(new)), {"elastic": new}) if new else None


def plan(task: AddressTask) -> tuple[PlannedCall, ...]:
    """Return a call for each address."""
    return tuple(
        PlannedCall(NAME, "DisassociateAddress", {"AssociationId": each.association})
        for _, each in _public(task.host.interfaces)
        if each.allocation is not None
    )


def warning(task: AddressTask) -> str | None:
    """Say which addresses the host loses."""
    lost = [each.address for _, each in _public(task.host.interfaces) if each.allocation is not None]
    return f"takes {', '.join(lost)} off the host" if lost else None


def apply(task: AddressTask, _prepared: None) -> Result:
    """Take each off, all at once; name those that can't be."""
    found = list(_public(task.host.interfaces))
    items = task.member.pool.all([partial(_take_off, task, interface, each) for interface, each in found])
    taken = [item.what for item in items if item.outcome is StepOutcome.DONE]
    return conclude(NAME, items, {"disassociated": taken}, nothing=NOTHING)


def verify(task: AddressTask, result: Result) -> Result:
    """Read the interfaces back: what was taken off is gone, and EC2 assigned no other address in its place."""
    taken = set(result.receipt.get("disassociated", []))
    if not taken:
        return result

    def still() -> list[PublicAddress]:
        return [each for _, each in _public(interfaces_of(task.member.ec2, task.host.id))]

    try:
        found = read_until(task.member.clock, still, lambda seen: not taken & {each.address for each in seen})
    except errors.AwsError as error:
        return conclude(NAME, [*result.items, failed_item(READING_ITEM, error)], result.receipt)
    left = {each.address for each in found}
    items = [
        ItemOutcome(item.what, StepOutcome.FAILED, "is still on when read back", "NotInEffect", transient=True)
        if item.outcome is StepOutcome.DONE and item.what in left
        else item
        for item in result.items
    ]
    known = {item.what for item in result.items}
    items += [_unknown(each) for each in found if each.address not in known]
    return conclude(NAME, items, result.receipt)


def revert(task: AddressTask, _result: Result, now: Host) -> tuple[RestoredItem, ...]:
    """Give each interface its Elastic IP address back, if nothing else has it now."""
    elastic = task.section["elastic"]
    if not elastic:
        return ()
    on_host = {each.allocation: interface.id for interface, each in _public(now.interfaces)}
    member = task.member
    ids = [each["allocation"] for each in elastic.values()]
    found = filtered(member.pool, member.ec2.describe_addresses, "Addresses", "allocation-id", ids)
    there = {each["AllocationId"]: each for each in found}
    attached = {each.id for each in now.interfaces}
    return tuple(_put_back(task, address, each, on_host, there, attached) for address, each in sorted(elastic.items()))


def leaves(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    """Name the risk where the step failed: EC2 may have assigned another address in place of one that went."""
    if aftermath.result is not None and aftermath.result.outcome is StepOutcome.FAILED:
        yield PUBLIC_ADDRESS


def answers(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    """Answer it where every public address of the host was taken off."""
    result = aftermath.result
    if result is None or result.outcome is StepOutcome.FAILED:
        return
    taken = result.receipt.get("disassociated", [])
    if all(each.address in taken for _, each in _public(aftermath.host.interfaces)):
        yield PUBLIC_ADDRESS


def _public(interfaces: Iterable[Interface]) -> Iterable[tuple[Interface, PublicAddress]]:
    return ((interface, each) for interface in interfaces for each in interface.public)


def _elastic(interfaces: Iterable[Interface]) -> dict[str, ElasticAddress]:
    return {
        each.address: {"interface": interface.id, "allocation": each.allocation, "private": each.private}
        for interface, each in _public(interfaces)
        if each.allocation is not None
    }


def _take_off(task: AddressTask, interface: Interface, address: PublicAddress) -> ItemOutcome:
    if address.allocation is None or address.association is None:
        reason = "EC2 assigned it and takes it away only when the host is stopped"
        return ItemOutcome(address.address, StepOutcome.SKIPPED, reason)
    if interface.managed_by is not None:
        reason = f"on {interface.id}, which {interface.managed_by} lets nobody else change"
        return ItemOutcome(address.address, StepOutcome.SKIPPED, reason)
    if address.address not in task.section["elastic"]:
        reason = "came after the baseline was taken, so it is not changed"
        return ItemOutcome(address.address, StepOutcome.FAILED, reason, "NoBaseline", transient=True)
    ec2, association = task.member.ec2, address.association
    item = try_call(address.address, lambda: ec2.disassociate_address(AssociationId=association))
    return ItemOutcome(address.address, StepOutcome.DONE) if item.error in _GONE else item


def _unknown(address: PublicAddress) -> ItemOutcome:
    if address.allocation is None:
        reason = "EC2 assigned it when the Elastic IP address went, and takes it away only when the host is stopped"
        return ItemOutcome(address.address, StepOutcome.FAILED, reason, "NewAddress")
    return ItemOutcome(address.address, StepOutcome.FAILED, "came meanwhile", "NoBaseline", transient=True)


def _put_back(
    task: AddressTask,
    address: str,
    before: ElasticAddress,
    on_host: Mapping[str | None, str],
    there: Mapping[str, Mapping[str, Any]],
    attached: set[str],
) -> RestoredItem:
    what, allocation, interface = f"Elastic IP address {address}", before["allocation"], before["interface"]
    parameters = {
        "AllocationId": allocation,
        "NetworkInterfaceId": interface,
        "PrivateIpAddress": before["private"],
        "AllowReassociation": False,
    }
    command = aws_command("ec2", "AssociateAddress", parameters, task.member.target.region)
    if on_host.get(allocation) == interface:
        return RestoredItem(NAME, what, restored=True, reason="found as it was")
    reason = ""
    if allocation not in there:
        reason = "no longer the account's: it was released"
    elif there[allocation].get("AssociationId"):
        reason = f"now of {there[allocation].get('NetworkInterfaceId', 'something else')}"
    elif interface not in attached:
        reason = f"{interface} is no longer attached to this host"
    if reason:
        return RestoredItem(NAME, what, restored=False, reason=reason, command=command)
    try:
        task.member.ec2.associate_address(**parameters)
    except errors.AwsError as error:
        return RestoredItem(NAME, what, restored=False, reason=errors.message(error), retry=True, command=command)
    return RestoredItem(NAME, what, restored=True)


STEP = Step(
    name=NAME,
    within=ISOLATE,
    on=lambda options: options.get("public_address") == "disassociate",
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    services=("ec2",),
    baseline=baseline,
    plan=plan,
    warning=warning,
    apply=apply,
    verify=verify,
    revert=revert,
    extend_baseline=extend_baseline,
    risks=(PUBLIC_ADDRESS,),
    outlives_host=True,
    unfit=not_as_it_was,
    leaves=leaves,
    answers=answers,
)
