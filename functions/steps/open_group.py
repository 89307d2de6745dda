# SPDX-License-Identifier: Apache-2.0
"""A group that lets everything in and out, worn for a moment so that connections are no longer tracked.

A flow that every rule allows, in both directions, is not tracked (EC2 User Guide, connection tracking): the group that
is put on next ends it at once. It opens the host for that moment. So it is put on only where the quarantine group is
proven to go on next, and where nobody on the internet can reach the host meanwhile; and where the quarantine group
fails to go on all the same, its rules are taken away, which closes whatever wears it.

It is found by its name, which holds the incident and can't be changed, and by the incident's tag.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from functions.aws import errors
from functions.aws.once import make_once
from functions.incident.model import Part, StepOutcome
from functions.names import STATUS_TAG, STATUS_VALUE
from functions.steps.group_rules import NOT_VISIBLE, once_visible
from functions.steps.host import Interface, interfaces_of
from functions.steps.reading import every
from functions.steps.step import Member, Task, attempt, failed_part

OPTION = "untrack"
OPEN_SECONDS = 5.0
"""How long the host is open: each connection must have traffic in that time to become untracked."""

_ANY_V4: dict[str, Any] = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
_ANY_V6: dict[str, Any] = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
_WOULD_DO = "DryRunOperation"
_IN_USE = "DependencyViolation"
_THERE, _NO_RULE = "InvalidPermission.Duplicate", "InvalidPermission.NotFound"
_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of opening: the group that interfaces may wear now, or None; and what is to be told of it.

    ``since`` when the host may be open, or None where it is not.
    """

    group: str | None
    told: tuple[Part, ...] = ()
    since: datetime | None = None


class _NotOpenedError(Exception):
    """The host is not opened; the text says why."""


def refusal(task: Task) -> str | None:
    """Return why the host is not opened, as far as its description tells, or None. Pure."""
    host = task.host
    ours = {*task.member.groups.values(), *task.member.made}
    if task.resumed:
        return "a further try goes straight to quarantine"
    if host.state != "running":
        return f"the host is {host.state}, so that it has no connections"
    for each in host.interfaces:
        if each.public:
            return f"{each.id} has the public address {each.public[0].address}"
        if each.managed_by or host.managed_by:
            return f"{each.id} is managed by {each.managed_by or host.managed_by}, which lets nobody else change it"
        if each.vpc not in {None, host.vpc}:
            return f"{each.id} is in another VPC ({each.vpc}) than the host, and can't wear its quarantine group"
        if ours.intersection(each.groups):
            return f"{each.id} wears a group of Cordon's already"
    return None if host.interfaces else "the host has no interface"


def name_of(member: Member) -> str:
    """Return the name of the incident's open group."""
    return f"{member.qualifier}-untrack-{member.incident}"


def parameters(member: Member, vpc: str) -> dict[str, Any]:
    """Return what CreateSecurityGroup takes: tagged as IAM lets the role put a group on."""
    tags = {"Name": name_of(member), STATUS_TAG: STATUS_VALUE, member.incident_tag: member.incident}
    return {
        "GroupName": name_of(member),
        "Description": "Cordon: open for a moment, before quarantine. Deleted afterwards.",
        "VpcId": vpc,
        "TagSpecifications": [
            {"ResourceType": "security-group", "Tags": [{"Key": key, "Value": tags[key]} for key in tags]}
        ],
    }


def rules(group: str) -> dict[str, Any]:
    """Return what lets everything in, as AuthorizeSecurityGroupIngress takes it; out, a new group lets everything."""
    return {"GroupId": group, "IpPermissions": [_ANY_V4, _ANY_V6]}


def find(member: Member, vpc: str) -> str | None:
    """Return the incident's open group, if there is one; raise what DescribeSecurityGroups raises."""
    found = every(
        member.ec2.describe_security_groups,
        "SecurityGroups",
        Filters=[
            {"Name": "group-name", "Values": [name_of(member)]},
            {"Name": "vpc-id", "Values": [vpc]},
            {"Name": f"tag:{member.incident_tag}", "Values": [member.incident]},
        ],
    )
    own = (str(each["GroupId"]) for each in found if each.get("OwnerId") == member.target.account)
    return next(own, None)


def put_on(task: Task, quarantine: str) -> Opened:
    """Open the host for a moment, if that is wanted, allowed, and proven to end. Raises nothing."""
    if not task.options.get(OPTION) or refusal(task) is not None:
        return Opened(None)
    pool, interfaces = task.member.pool, task.host.interfaces
    try:
        pool.all([partial(_prove, task.member, each, quarantine) for each in interfaces] + [partial(_shielded, task)])
        group = _make(task)
    except (_NotOpenedError, *errors.AwsError) as error:
        return Opened(None, (_not_opened(str(error) if isinstance(error, _NotOpenedError) else errors.message(error)),))
    since = task.member.clock.now()
    parts = pool.all([partial(_open, task, each, group) for each in interfaces])
    # Whatever an answer says that never came, the interface may wear it.
    failed = [part for part in parts if part.outcome is not StepOutcome.DONE]
    opened = len(failed) < len(parts) or any(part.transient for part in failed)
    if opened:
        task.member.clock.sleep(OPEN_SECONDS)
    told = (_not_opened("; ".join(f"{part.what}: {part.reason}" for part in failed)),) if failed else ()
    return Opened(group, told, since if opened else None)


def insist(member: Member, opened: Opened, swap: Callable[[], Part]) -> Part:
    """Put the quarantine group on: again and again where the host is open, as long as that may help."""
    part = swap()
    for pause in _PAUSES_SECONDS if opened.group else ():
        if part.outcome is StepOutcome.DONE or not part.transient:
            break
        member.clock.sleep(pause)
        part = swap()
    return part


def take_away(member: Member, group: str, *, shut: bool) -> Part:
    """Delete the group. While it is still worn its rules are taken away, if ``shut``: that closes whoever wears it."""
    part, told = _delete(member, group), ""
    for pause in _PAUSES_SECONDS:
        if part.error != _IN_USE and not part.transient:
            return part
        if shut and part.error == _IN_USE and not told:
            told = _shut(member, group)
        member.clock.sleep(pause)
        part = _delete(member, group)
    if part.error != _IN_USE:
        return part
    try:
        own = [each.id for each in interfaces_of(member.ec2, member.target.instance) if group in each.groups]
    except errors.AwsError as error:
        return replace(part, reason=f"still worn{told}; {errors.message(error)}", transient=True)
    # Whose interface it is else is none of the host's business: no further try would end that.
    return replace(part, reason=f"still worn by {', '.join(own) or 'somebody else'}{told}", transient=bool(own))


def _not_opened(why: str) -> Part:
    return Part(OPTION, StepOutcome.SKIPPED, f"connections stay tracked: {why}")


def _prove(member: Member, interface: Interface, quarantine: str) -> None:
    """Have EC2 say that it would put the quarantine group on."""
    given = {"NetworkInterfaceId": interface.id, "Groups": [quarantine], "DryRun": True}
    try:
        once_visible(member.clock, lambda: member.ec2.modify_network_interface_attribute(**given))
    except errors.AwsError as error:
        if errors.code(error) == _WOULD_DO:
            return
        raise
    raise _NotOpenedError(f"EC2 doesn't say that {quarantine} would go on {interface.id}")


def _shielded(task: Task) -> None:
    """Make sure that nobody on the internet reaches the host by IPv6, whose addresses are public by nature."""
    subnets = {each.subnet for each in task.host.interfaces if any(map(_public, each.addresses))}
    if not subnets:
        return
    filters = [{"Name": "vpc-id", "Values": [str(task.host.vpc)]}]
    tables = every(task.member.ec2.describe_route_tables, "RouteTables", Filters=filters)
    of: dict[Any, Mapping[str, Any]] = {}
    for table in tables:
        for each in table.get("Associations", []):
            of["main" if each.get("Main") else each.get("SubnetId")] = table
    for subnet in subnets:
        routes = (of.get(subnet) or of.get("main") or {}).get("Routes")
        if routes is None or any(map(_leads_in, routes)):
            raise _NotOpenedError(f"the internet may reach {subnet} by IPv6")


def _public(address: str) -> bool:
    return ":" in address and ipaddress.ip_address(address).is_global


def _leads_in(route: Mapping[str, Any]) -> bool:
    return "DestinationIpv6CidrBlock" in route and str(route.get("GatewayId", "")).startswith("igw-")


def _make(task: Task) -> str:
    """Make the group and note it as ours, before anything wears it: a release must know it."""
    member, vpc = task.member, str(task.host.vpc)
    ec2, given = member.ec2, parameters(task.member, vpc)
    group = make_once(
        lambda: str(ec2.create_security_group(**given)["GroupId"]), partial(find, member, vpc), member.clock
    )
    calls: list[Callable[[], object]] = [
        partial(member.records.note_made, member.target, group),
        partial(_authorize, member, ec2.authorize_security_group_ingress, rules(group)),
    ]
    if any(each.ipv6 for each in task.host.interfaces):
        v6 = {"GroupId": group, "IpPermissions": [_ANY_V6]}
        calls.append(partial(_authorize, member, ec2.authorize_security_group_egress, v6))
    try:
        member.pool.all(calls)
    except errors.AwsError as error:
        gone = take_away(member, group, shut=False)
        left = "" if gone.outcome is StepOutcome.DONE else f" ({group} is left: {gone.reason})"
        raise _NotOpenedError(f"{errors.message(error)}{left}") from error
    return group


def _authorize(member: Member, authorize: Callable[..., object], given: Mapping[str, Any]) -> None:
    try:
        once_visible(member.clock, lambda: authorize(**given))
    except errors.AwsError as error:
        if errors.code(error) != _THERE:
            raise


def _open(task: Task, interface: Interface, group: str) -> Part:
    ec2, given = task.member.ec2, {"NetworkInterfaceId": interface.id, "Groups": [group]}
    try:
        once_visible(task.member.clock, lambda: ec2.modify_network_interface_attribute(**given))
    except errors.AwsError as error:
        return failed_part(interface.id, error)
    return Part(interface.id, StepOutcome.DONE)


def _delete(member: Member, group: str) -> Part:
    part = attempt(group, lambda: member.ec2.delete_security_group(GroupId=group))
    return Part(group, StepOutcome.DONE, "deleted") if part.error in {None, *NOT_VISIBLE} else part


def _shut(member: Member, group: str) -> str:
    """Take away every rule that the group was given; say how that ended."""
    ways = (member.ec2.revoke_security_group_ingress, member.ec2.revoke_security_group_egress)
    calls = [
        partial(attempt, group, partial(revoke, GroupId=group, IpPermissions=[rule]))
        for revoke in ways
        for rule in (_ANY_V4, _ANY_V6)
    ]
    failed = [
        part
        for part in member.pool.all(calls)
        if part.outcome is not StepOutcome.DONE and part.error not in {_NO_RULE, *NOT_VISIBLE}
    ]
    if failed:
        return f", open to everybody, as its rules could not be taken away ({failed[0].reason})"
    return ", but lets nothing in or out any more"
