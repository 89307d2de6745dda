# SPDX-License-Identifier: Apache-2.0
"""Deregister the host from its target groups, so that load balancers send it nothing more; register it again after.

No API maps an instance to its target groups. So the targets of every target group of the host's VPC are listed, and
those that are the host, by its id or by one of its private addresses, are taken out with the very port that they were
registered with: without it, or with another, Elastic Load Balancing takes out nothing and says that all is well
(API reference, DeregisterTargets). Isolation never waits for this, except to ask people about the last healthy target.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, NotRequired, TypedDict, cast

from functions.aws import errors
from functions.aws.command import aws_command
from functions.grants import Grant
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.parallel import settle
from functions.policy.model import Cap, Policy
from functions.steps.host import Host
from functions.steps.risk import Aftermath, Risk
from functions.steps.step import Member, Step, Task, conclude, failed_item, read_back, try_call
from functions.steps.traffic.scaling_group import NAME as SCALING

NAME = "targets"
GROUPS_ITEM = "target groups"
ANY_GROUP = "(each target group that the host is in)"

PLAN_SECONDS = 2.0
"""How long a plan waits for the target groups. One that is acted on is drawn up when all is done."""

STILL_A_TARGET = Risk("load-balancer", "a load balancer may still send the host requests")

_BY_ID, _BY_ADDRESS = "instance", "ip"
_NOT_THERE = ("draining",)
_GONE = "TargetGroupNotFound"
_FINAL = ("InvalidTarget", "TooManyRegistrationsForTargetId", "TooManyTargets")
"""Refusals of RegisterTargets that repeating does not change."""

_NO_RESOURCE = "Elastic Load Balancing knows no resources for this action, and no condition but the Region."
_ANY_TARGET_GROUP = "No API tells which target groups an instance is in, and no key ties a target group to its targets."
_READS = tuple(
    Grant(f"elasticloadbalancing:{name}", "*", _NO_RESOURCE)
    for name in ("DescribeTargetGroups", "DescribeTargetHealth")
)
GRANTS = (*_READS, Grant("elasticloadbalancing:DeregisterTargets", "targetgroup", _ANY_TARGET_GROUP))
RELEASE_GRANTS = (_READS[1], Grant("elasticloadbalancing:RegisterTargets", "targetgroup", _ANY_TARGET_GROUP))


class KeptTarget(TypedDict):
    """The host as a target. ``az`` is there where it was registered by its address, and not always then."""

    arn: str
    name: str
    id: str
    port: int
    az: NotRequired[str]


class Section(TypedDict, total=False):
    """Every registration of the host; nothing where it is still to be observed."""

    targets: list[KeptTarget]


class Receipt(TypedDict):
    """Nothing: the section has all that a release needs."""


Health = Sequence[Mapping[str, Any]]
"""The targets of a target group as DescribeTargetHealth gives them."""


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """A target group; ``kind`` is EC2's target type: ``instance``, ``ip`` or another."""

    arn: str
    name: str
    vpc: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Registration:
    """The host as a target."""

    arn: str
    name: str
    id: str
    port: int
    az: str | None = None

    @property
    def target(self) -> dict[str, Any]:
        """The target as Elastic Load Balancing takes it."""
        zone = {"AvailabilityZone": self.az} if self.az else {}
        return {"Id": self.id, "Port": self.port, **zone}

    def to_json(self) -> KeptTarget:
        """Return it as the baseline has it."""
        kept: KeptTarget = {"arn": self.arn, "name": self.name, "id": self.id, "port": self.port}
        if self.az:
            kept["az"] = self.az
        return kept


@dataclass(frozen=True, slots=True)
class TargetsObserved:
    """What was observed: where the host is registered, where it alone is healthy (names), what can't be read."""

    registered: tuple[Registration, ...] = ()
    alone: tuple[str, ...] = ()
    gaps: tuple[ItemOutcome, ...] = ()


StepTask = Task[TargetsObserved, Section, Receipt]
Result = StepResult[Receipt]


def observe_early(member: Member) -> tuple[TargetGroup, ...]:
    """Return every target group of the Region. Raises what DescribeTargetGroups raises."""
    client = member.client("elbv2")
    found: list[TargetGroup] = []
    marker: dict[str, str] = {}
    while True:
        answer = client.describe_target_groups(**marker)
        found += [
            TargetGroup(each["TargetGroupArn"], each["TargetGroupName"], each.get("VpcId"), each.get("TargetType", ""))
            for each in answer.get("TargetGroups", [])
        ]
        if not answer.get("NextMarker"):
            return tuple(found)
        marker = {"Marker": answer["NextMarker"]}


def observe_with_host(task: StepTask) -> TargetsObserved:
    """List the targets of every target group of the host's VPC; what can't be read is told and stops nothing."""
    try:
        found = _early(task).result()
    except errors.AwsError as error:
        return TargetsObserved(gaps=(failed_item(GROUPS_ITEM, error),))
    # An address means this host only within its own VPC: elsewhere the same address is another host's.
    groups = _groups(task.host, found)
    read = _health(task.member, [group.arn for group in groups])
    registered: list[Registration] = []
    alone: list[str] = []
    gaps: list[ItemOutcome] = []
    for group in groups:
        try:
            targets = read[group.arn].result()
        except errors.AwsError as error:
            if errors.code(error) != _GONE:
                gaps.append(failed_item(group.name, error))
            continue
        mine = [each for each in targets if _is(task.host, group, each)]
        registered += [_registration(group, each) for each in mine if _there(each)]
        healthy = [each for each in targets if each["TargetHealth"]["State"] == "healthy"]
        if healthy and all(each in mine for each in healthy):
            alone.append(group.name)
    return TargetsObserved(tuple(registered), tuple(alone), tuple(gaps))


def baseline(_host: Host, observation: Future[TargetsObserved]) -> Section:
    """Keep every registration: the target group, by what the host is registered, and the port."""
    return {"targets": [each.to_json() for each in observation.result().registered]}


def extend_baseline(_host: Host, observation: Future[TargetsObserved], section: Section) -> tuple[str, Section] | None:
    """Keep registrations that were made, or could be read, after the baseline was taken."""
    known = {(each["arn"], each["id"], each["port"]) for each in section["targets"]}
    new = [each for each in observation.result().registered if (each.arn, each.id, each.port) not in known]
    if not new:
        return None
    return f"{new[0].name}/{new[0].id}/{new[0].port}", {"targets": [each.to_json() for each in new]}


def plan(task: StepTask) -> tuple[PlannedCall, ...]:
    """Return the call for each target group that the host turns out to be in, where there may be one.

    There may be where the target groups take longer to read than a plan waits for them.
    """
    try:
        maybe = bool(_groups(task.host, _early(task).result(timeout=PLAN_SECONDS)))
    except TimeoutError:
        maybe = True
    if not maybe:
        return ()
    parameters = {"TargetGroupArn": ANY_GROUP, "Targets": [{"Id": task.host.id}]}
    return (PlannedCall(NAME, "DeregisterTargets", parameters, "elbv2"),)


def approval_check(task: StepTask, _prepared: None, policy: Policy) -> Iterator[Cap]:
    """Ask where the host is the last healthy target of a target group."""
    for name in task.observed.alone:
        yield Cap(policy.last_healthy_target, f"the host is the last healthy target of target group {name!r}")


def apply(task: StepTask, _prepared: None) -> Result:
    """Deregister the host from every target group at once; one call for each, with its ports."""
    groups = _by_group(task.section)
    client = task.member.client("elbv2")
    items = task.member.pool.all(
        [
            partial(try_call, each[0].name, partial(client.deregister_targets, **_parameters(each)))
            for each in groups.values()
        ]
    )
    gone = [ItemOutcome(item.what, StepOutcome.DONE, "is gone") if item.error == _GONE else item for item in items]
    return conclude(NAME, [*gone, *task.observed.gaps], {}, nothing="the host is in no target group")


def verify(task: StepTask, result: Result) -> Result:
    """Read the targets back: one that is draining, or not there, is out."""
    done = {item.what for item in result.items if item.outcome is StepOutcome.DONE}
    groups = {arn: each for arn, each in _by_group(task.section).items() if each[0].name in done}
    if not groups:
        return result

    def read() -> list[ItemOutcome]:
        found = _health(task.member, list(groups))
        return [item for arn, each in groups.items() if (item := _wrong(each, found[arn])) is not None]

    return read_back(task, result, read)


def revert(task: StepTask, _result: Result, now: Host) -> tuple[RestoredItem, ...]:
    """Register the host again where it no longer is, with the port that it had."""
    groups = _by_group(task.section)
    found = _health(task.member, list(groups))
    work = [partial(_put_back, task, each, found[arn], now) for arn, each in groups.items()]
    return tuple(item for items in task.member.pool.all(work) for item in items)


def leaves(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    """Name the load balancers, unless the host was found in no target group, or was taken out of each."""
    result = aftermath.result
    nowhere = result is not None and result.outcome is StepOutcome.SKIPPED and not result.items
    if not (nowhere or aftermath.whole):  # where it was not looked for, it may be in one
        yield STILL_A_TARGET


def _early(task: StepTask) -> Future[tuple[TargetGroup, ...]]:
    """Return what was observed early, which a task of a release does not have."""
    return cast("Future[tuple[TargetGroup, ...]]", task.early)


def _groups(host: Host, found: Iterable[TargetGroup]) -> list[TargetGroup]:
    return [each for each in found if each.vpc == host.vpc and each.kind in (_BY_ID, _BY_ADDRESS)]


def _health(member: Member, arns: Iterable[str]) -> Mapping[str, Future[Health]]:
    """Read the targets of each target group with their health, and return the futures, which have ended."""
    client = member.client("elbv2")

    def read(arn: str) -> Health:
        answer = client.describe_target_health(TargetGroupArn=arn)
        found: Health = answer.get("TargetHealthDescriptions", [])
        return found

    reads: dict[str, Future[Health]] = {arn: member.pool.promise() for arn in arns}
    member.pool.lanes([partial(settle, future, partial(read, arn)) for arn, future in reads.items()])
    return reads


def _is(host: Host, group: TargetGroup, each: Mapping[str, Any]) -> bool:
    """Tell whether a target is the host, by its id or by one of its private addresses."""
    name = each["Target"]["Id"]
    return bool(name == host.id) if group.kind == _BY_ID else _address(name) in _addresses(host)


def _addresses(host: Host) -> set[str]:
    return {_address(address) for address in host.addresses}


def _address(text: str) -> str:
    """Return an address in its one short form: IPv6 has many."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _there(each: Mapping[str, Any]) -> bool:
    return each["TargetHealth"]["State"] not in _NOT_THERE


def _registration(group: TargetGroup, each: Mapping[str, Any]) -> Registration:
    target = each["Target"]
    zone = target.get("AvailabilityZone") if group.kind == _BY_ADDRESS else None  # which others do not take
    return Registration(group.arn, group.name, target["Id"], int(target["Port"]), zone)


def _by_group(section: Section) -> dict[str, list[Registration]]:
    """Return the registrations of a section by the target group's ARN; such a step may have no section yet."""
    groups: dict[str, list[Registration]] = {}
    for each in section.get("targets", []):
        kept = Registration(each["arn"], each["name"], each["id"], int(each["port"]), each.get("az"))
        groups.setdefault(kept.arn, []).append(kept)
    return groups


def _parameters(registrations: Sequence[Registration]) -> dict[str, Any]:
    return {"TargetGroupArn": registrations[0].arn, "Targets": [each.target for each in registrations]}


def _wrong(registrations: Sequence[Registration], reading: Future[Health]) -> ItemOutcome | None:
    """Return the failed item of a target group that still has the host, or that can't be read back."""
    name = registrations[0].name
    try:
        found = reading.result()
    except errors.AwsError as error:
        return None if errors.code(error) == _GONE else failed_item(name, error)
    left = [each for each in registrations if _registered(each, found)]
    if not left:
        return None
    reason = f"still registered with port {', '.join(str(each.port) for each in left)}"
    return ItemOutcome(name, StepOutcome.FAILED, reason, "NotInEffect", transient=True)


def _registered(registration: Registration, found: Iterable[Mapping[str, Any]]) -> bool:
    wanted = (_address(registration.id), registration.port)
    return any(
        (_address(each["Target"]["Id"]), int(each["Target"]["Port"])) == wanted for each in found if _there(each)
    )


def _put_back(
    task: StepTask, registrations: Sequence[Registration], reading: Future[Health], now: Host
) -> list[RestoredItem]:
    return [_registered_again(task, each, reading, now) for each in registrations]


def _registered_again(task: StepTask, each: Registration, reading: Future[Health], now: Host) -> RestoredItem:
    parameters = _parameters([each])
    command = aws_command("elbv2", "RegisterTargets", parameters, task.member.target.region)
    what = f"{each.id}:{each.port} in target group {each.name}"
    left = partial(RestoredItem, NAME, what, restored=False, command=command)
    try:
        found = reading.result()
    except errors.AwsError as error:
        if errors.code(error) == _GONE:
            return left(reason="the target group is gone: the command is for one that is made in its place")
        return left(reason=errors.message(error), retry=True)
    if _registered(each, found):
        return RestoredItem(NAME, what, restored=True, reason="found as it was")
    if each.id != now.id and _address(each.id) not in _addresses(now):
        return left(reason="the host no longer has that address", command="")
    try:
        task.member.client("elbv2").register_targets(**parameters)
    except errors.AwsError as error:
        return left(reason=errors.message(error), retry=errors.code(error) not in (*_FINAL, _GONE))
    return RestoredItem(NAME, what, restored=True)


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    services=("elbv2",),
    observe_early=observe_early,
    observe_with_host=observe_with_host,
    baseline=baseline,
    extend_baseline=extend_baseline,
    plan=plan,
    approval_check=approval_check,
    apply=apply,
    verify=verify,
    revert=revert,
    within=SCALING,
    on=lambda options: options.get("targets") != "keep",
    risks=(STILL_A_TARGET,),
    returns_to_service=True,
    leaves=leaves,
)
