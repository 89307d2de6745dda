# SPDX-License-Identifier: Apache-2.0
"""Protect the host from termination: four settings, four calls, each with an outcome of its own.

EC2 takes one attribute a call. One refused call (protection on a Spot instance) must not skip the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, NotRequired, TypedDict

from functions.aws import errors
from functions.aws.clients import AwsClient
from functions.aws.command import aws_command
from functions.grants import ONE_INSTANCE, Conditions, Grant, reads
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.steps.host import Host, Volume
from functions.steps.risk import Aftermath, Risk
from functions.steps.step import (
    Member,
    Step,
    StepError,
    Task,
    conclude,
    failed_item,
    read_back,
    restore,
    try_call,
)

NAME = "protect"
TERMINATION = "disableApiTermination"

ATTRIBUTES = {
    # attribute as read -> (key in the answer, parameter of ModifyInstanceAttribute, what we set)
    TERMINATION: ("DisableApiTermination", "DisableApiTermination", True),
    "disableApiStop": ("DisableApiStop", "DisableApiStop", True),
    "instanceInitiatedShutdownBehavior": (
        "InstanceInitiatedShutdownBehavior",
        "InstanceInitiatedShutdownBehavior",
        "stop",
    ),
}
_NOT_ON_SPOT = (TERMINATION, "disableApiStop")
VOLUMES_ITEM = "volumes"

NOT_PROTECTED = Risk(
    "termination", "nothing keeps the host from being terminated; what is not on a snapshot would be lost"
)

_NEVER_SET = (
    # every attribute of an instance but those four (its groups are resources of their own, and no grant names those)
    "EbsOptimized",
    "EnaSupport",
    "EnclaveOptions",
    "InstanceType",
    "Kernel",
    "NvmeSupport",
    "Ramdisk",
    "SourceDestCheck",
    "SriovNetSupport",
    "UserData",
)
_PROTECTION_ALONE: Conditions = {
    "Null": {f"ec2:Attribute/{name}": ("true",) for name in _NEVER_SET},
    # the older form of the call, which names the attribute in a parameter of its own
    "StringNotEqualsIgnoreCase": {"ec2:Attribute": (*_NEVER_SET, "GroupSet")},
}
_NEVER_TAKEN_AWAY: Conditions = {
    **_PROTECTION_ALONE,
    "StringNotEqualsIgnoreCase": {
        **_PROTECTION_ALONE["StringNotEqualsIgnoreCase"],
        "ec2:Attribute/DisableApiStop": ("false",),
        "ec2:Attribute/DisableApiTermination": ("false",),
        "ec2:Attribute/InstanceInitiatedShutdownBehavior": ("terminate",),
    },
}
_VOLUME = Grant(
    "ec2:ModifyInstanceAttribute",
    "volume",
    "EC2 may ask for the volumes whose DeleteOnTermination is set; no key ties a volume to its instance.",
)
READ = Grant(
    "ec2:DescribeInstanceAttribute",
    "instance",
    f"{ONE_INSTANCE} It reads alone, but any attribute: no key tells user data, which may hold secrets, from the rest.",
)
GRANTS = (
    READ,
    *reads("ec2:DescribeInstances"),
    Grant("ec2:ModifyInstanceAttribute", "instance", ONE_INSTANCE, _NEVER_TAKEN_AWAY),
    _VOLUME,
)
RELEASE_GRANTS = (
    READ,
    Grant(
        "ec2:ModifyInstanceAttribute",
        "instance",
        f"{ONE_INSTANCE} A release takes protection away, and by its tags it can't be tied: a further try of a release "
        "that failed here finds them gone.",
        _PROTECTION_ALONE,
    ),
    _VOLUME,
)


Value = bool | str
"""What an attribute is set to."""

Observed = Mapping[str, Future[Value]]
"""Attribute -> the future of its value, which has ended. It raises what reading raised, or UnreadError."""


class KeptVolume(TypedDict):
    """A volume as it was attached."""

    id: str
    device: str
    delete_on_termination: bool


class Section(TypedDict):
    """The attributes that could be read, and the volumes; an addition has no ``attributes``."""

    attributes: NotRequired[dict[str, Value]]
    volumes: list[KeptVolume]


class Receipt(TypedDict, total=False):
    """Names of the items that were set, or may have been, and of those that EC2 refused."""

    changed: list[str]
    refused: list[str]


StepTask = Task[Observed, Section, Receipt]
Result = StepResult[Receipt]


class UnreadError(StepError):
    """EC2 answered without the value that was asked for."""

    code = "UnreadError"


_UNREAD = (UnreadError, *errors.AwsError)
"""What the future of an attribute raises."""


def observe(member: Member) -> Observed:
    """Read the three attributes at once, and wait for all of them."""
    reads = {name: member.pool.start(partial(_read, member, name)) for name in ATTRIBUTES}
    for reading in reads.values():
        reading.exception()
    return reads


def baseline(host: Host, observation: Future[Observed]) -> Section:
    """Keep what is there now; an attribute that can't be read isn't kept, and then isn't changed either."""
    observed = observation.result()
    errors.raise_transient(reading.exception() for reading in observed.values())
    attributes: dict[str, Value] = {}
    for name, reading in observed.items():
        with suppress(*_UNREAD):  # ``apply`` names it
            attributes[name] = reading.result()
    return {"attributes": attributes, "volumes": _kept(host.volumes)}


def extend_baseline(host: Host, _observation: Future[Observed], section: Section) -> tuple[str, Section] | None:
    """Keep what holds for volumes that were attached after the baseline was taken."""
    known = {volume["id"] for volume in section["volumes"]}
    new = [volume for volume in host.volumes if volume.id not in known]
    return (new[0].id, {"volumes": _kept(new)}) if new else None


def plan(task: StepTask) -> tuple[PlannedCall, ...]:
    """Return a call for each attribute, and one for the volumes."""
    return tuple(_call(task.host.id, parameters) for _, parameters in _changes(task))


def apply(task: StepTask, _prepared: None) -> Result:
    """Make the calls side by side."""
    calls = [partial(_change, task, what, parameters) for what, parameters in _changes(task)]
    made = task.member.pool.all(calls)
    # A call that may have taken effect, or was never told of, counts as ours: only a sure refusal does not.
    refused = [item.what for item in made if item.outcome is StepOutcome.FAILED and not item.transient]
    changed = [item.what for item in made if item.what not in refused]
    receipt: Receipt = {"changed": changed, "refused": refused}
    return conclude(NAME, [*made, *_left_out(task)], receipt, nothing="there is nothing to protect")


def verify(task: StepTask, result: Result) -> Result:
    """Read the attributes and the volumes back; a setting that isn't there fails its item."""

    def read() -> list[ItemOutcome]:
        volumes = task.member.pool.start(partial(_volumes_let_go, task))
        observed = observe(task.member)
        volumes.exception()
        done = [item.what for item in result.items if item.outcome is StepOutcome.DONE]
        checked = [
            _wrong(what, volumes.result, ())
            if what == VOLUMES_ITEM
            else _wrong(what, observed[what].result, ATTRIBUTES[what][2])
            for what in done
        ]
        return [item for item in checked if item is not None]

    return read_back(task, result, read)


def revert(task: StepTask, result: Result, now: Host) -> tuple[RestoredItem, ...]:
    """Put each setting back that was another before, if it still is as we set it."""
    refused = set(result.receipt.get("refused", [])) - set(result.receipt.get("changed", []))
    observed = observe(task.member)
    work = [
        partial(_restore_attribute, task, name, before, observed[name], ours=name not in refused)
        for name, before in task.section["attributes"].items()
        if before != ATTRIBUTES[name][2]
    ]
    attached = {volume.id: volume for volume in now.volumes}
    volumes = [
        partial(_restore_volume, task, volume["id"], attached.get(volume["id"]))
        for volume in task.section["volumes"]
        if volume["delete_on_termination"]
    ]
    return tuple(task.member.pool.all([*work, *volumes]))


def leaves(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    """Name that the host may be terminated, unless the attribute that forbids it was set and read back."""
    items = aftermath.result.items if aftermath.result is not None else ()
    if not any(item.what == TERMINATION and item.outcome is StepOutcome.DONE for item in items):
        yield NOT_PROTECTED


def _read(member: Member, name: str) -> Value:
    answer = member.ec2.describe_instance_attribute(InstanceId=member.target.instance, Attribute=name)
    value: Value | None = answer.get(ATTRIBUTES[name][0], {}).get("Value")
    if value is None:
        raise UnreadError(f"EC2 gave no value of {name}")
    return value


def _kept(volumes: Iterable[Volume]) -> list[KeptVolume]:
    return [
        {"id": volume.id, "device": volume.device, "delete_on_termination": volume.delete_on_termination}
        for volume in volumes
    ]


def _wrong(what: str, read: Callable[[], object], wanted: object) -> ItemOutcome | None:
    """Return the failed item of a setting that was made and is not read back as it is wanted, or None."""
    try:
        value = read()
    except _UNREAD as error:
        return failed_item(what, error)
    if value == wanted:
        return None
    return ItemOutcome(what, StepOutcome.FAILED, f"read back as {value!r}", "NotInEffect", transient=True)


def _volumes_let_go(task: StepTask) -> tuple[str, ...]:
    """Return the volumes of the baseline that would go with the host. Raises what DescribeInstances raises."""
    kept = {volume["id"] for volume in task.section["volumes"]}
    answer = task.member.ec2.describe_instances(InstanceIds=[task.host.id])
    mappings = [
        mapping["Ebs"]
        for reservation in answer["Reservations"]
        for instance in reservation["Instances"]
        for mapping in instance.get("BlockDeviceMappings", [])
        if "Ebs" in mapping
    ]
    return tuple(
        each["VolumeId"] for each in mappings if each["VolumeId"] in kept and each.get("DeleteOnTermination", False)
    )


def _changes(task: StepTask) -> list[tuple[str, dict[str, Any]]]:
    """Return what to set: (name of the item, parameters). Set even where it is so already: it may change meanwhile."""
    changes: list[tuple[str, dict[str, Any]]] = []
    for name in task.section["attributes"]:
        _, parameter, wanted = ATTRIBUTES[name]
        if not (task.host.spot and name in _NOT_ON_SPOT):
            changes.append((name, {parameter: {"Value": wanted}}))
    kept = {volume["id"] for volume in task.section["volumes"]}
    mappings = [
        {"DeviceName": volume.device, "Ebs": {"DeleteOnTermination": False}}
        for volume in task.host.volumes
        if volume.id in kept  # one that was detached since would make EC2 refuse the whole call
    ]
    if mappings:
        changes.append((VOLUMES_ITEM, {"BlockDeviceMappings": mappings}))
    return changes


def _change(task: StepTask, what: str, parameters: dict[str, Any]) -> ItemOutcome:
    return try_call(what, lambda: _modify(task.member.ec2, task.host.id, parameters))


def _left_out(task: StepTask) -> list[ItemOutcome]:
    """Return the settings that can't be made, with the reason.

    The baseline of an earlier attempt stands even where nothing could be observed now.
    """
    observed = task.observed if task.observation.exception() is None else {}
    items = [
        failed_item(name, error)
        for name, reading in observed.items()
        if name not in task.section["attributes"] and (error := reading.exception()) is not None
    ]
    if task.host.spot:
        reason = "EC2 has no such protection for a Spot instance, and may take the instance back"
        items.extend(ItemOutcome(name, StepOutcome.SKIPPED, reason) for name in _NOT_ON_SPOT)
    return items


def _call(instance: str, parameters: Mapping[str, Any]) -> PlannedCall:
    return PlannedCall(NAME, "ModifyInstanceAttribute", {"InstanceId": instance, **parameters})


def _restore_attribute(task: StepTask, name: str, before: Value, reading: Future[Value], *, ours: bool) -> RestoredItem:
    _, parameter, wanted = ATTRIBUTES[name]
    command = _command(task, {parameter: before if isinstance(before, bool) else {"Value": before}})
    try:
        now = reading.result()
    except _UNREAD as error:
        return RestoredItem(NAME, name, restored=False, reason=errors.message(error), retry=True, command=command)
    if now == before:
        return RestoredItem(NAME, name, restored=True, reason="found as it was")
    if now != wanted or not ours:
        reason = f"found as {now!r}, which Cordon did not set"
        return RestoredItem(NAME, name, restored=False, reason=reason, command=command)
    return restore(NAME, name, lambda: _modify(task.member.ec2, task.host.id, {parameter: {"Value": before}}), command)


def _restore_volume(task: StepTask, volume: str, now: Volume | None) -> RestoredItem:
    what = f"{volume} DeleteOnTermination"
    if now is None:
        # It goes with whatever host it is attached to by then: no command can be told for that.
        return RestoredItem(NAME, what, restored=False, reason="the volume is no longer attached")
    if now.delete_on_termination:
        return RestoredItem(NAME, what, restored=True, reason="found as it was")
    # By the device that it is at now: another volume may be at the old one.
    mapping = {"DeviceName": now.device, "Ebs": {"DeleteOnTermination": True}}
    parameters = {"BlockDeviceMappings": [mapping]}
    return restore(NAME, what, lambda: _modify(task.member.ec2, task.host.id, parameters), _command(task, parameters))


def _command(task: StepTask, parameters: Mapping[str, Any]) -> str:
    """Return what a person would type; the AWS CLI takes a setting that is on or off as a flag."""
    region = task.member.target.region
    return aws_command("ec2", "ModifyInstanceAttribute", {"InstanceId": task.host.id, **parameters}, region)


def _modify(ec2: AwsClient, instance: str, parameters: dict[str, Any]) -> None:
    ec2.modify_instance_attribute(InstanceId=instance, **parameters)


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    services=("ec2",),
    observe=observe,
    baseline=baseline,
    plan=plan,
    apply=apply,
    verify=verify,
    revert=revert,
    extend_baseline=extend_baseline,
    risks=(NOT_PROTECTED,),
    leaves=leaves,
)
