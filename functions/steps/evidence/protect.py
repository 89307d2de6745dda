# SPDX-License-Identifier: Apache-2.0
"""Protect the host from termination: four settings, four calls, each with an outcome of its own.

EC2 takes one attribute a call. One refused call (protection on a Spot instance) must not skip the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from functions.aws import errors
from functions.aws.clients import AwsClient
from functions.aws.command import aws_command
from functions.grants import ONE_INSTANCE, Conditions, Grant, reads
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.steps.host import Host, Volume
from functions.steps.step import (
    Member,
    Section,
    Step,
    Task,
    UnobservedError,
    conclude,
    failed_item,
    read_back,
    refuse_passing_failures,
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
VOLUMES = "volumes"

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


class UnreadError(Exception):
    """EC2 answered without the value that was asked for."""


def observe(member: Member) -> dict[str, Any]:
    """Read the three attributes at once: attribute -> value, or the error that reading it raised."""
    names = list(ATTRIBUTES)
    values = member.pool.all([_reader(member, name) for name in names])
    return dict(zip(names, values, strict=True))


def baseline(host: Host, observed: Any) -> Section:
    """Keep what is there now; an attribute that can't be read isn't kept, and then isn't changed either."""
    if isinstance(observed, Exception):
        raise UnobservedError(observed)
    refuse_passing_failures(observed.values())
    return {
        "attributes": {name: value for name, value in observed.items() if not isinstance(value, Exception)},
        VOLUMES: _kept(host.volumes),
    }


def extend_baseline(host: Host, observed: Any, section: Section) -> tuple[str, Section] | None:
    """Keep what holds for volumes that were attached after the baseline was taken."""
    del observed
    known = {volume["id"] for volume in section[VOLUMES]}
    new = [volume for volume in host.volumes if volume.id not in known]
    return (new[0].id, {VOLUMES: _kept(new)}) if new else None


def plan(task: Task) -> tuple[PlannedCall, ...]:
    """Return a call for each attribute, and one for the volumes."""
    return tuple(_call(task.host.id, parameters) for _, parameters in _changes(task))


def apply(task: Task, prepared: Any) -> StepResult:
    """Make the calls side by side."""
    del prepared
    calls = [partial(_change, task, what, parameters) for what, parameters in _changes(task)]
    made = task.member.pool.all(calls)
    # A call that may have taken effect, or was never told of, counts as ours: only a sure refusal does not.
    refused = [item.what for item in made if item.outcome is StepOutcome.FAILED and not item.transient]
    changed = [item.what for item in made if item.what not in refused]
    receipt = {"changed": changed, "refused": refused}
    return conclude(NAME, [*made, *_left_out(task)], receipt, nothing="there is nothing to protect")


def verify(task: Task, result: StepResult) -> StepResult:
    """Read the attributes and the volumes back; a setting that isn't there fails its item."""

    def read() -> list[ItemOutcome]:
        read_volumes = partial(_volumes_let_go, task)
        volumes, observed = task.member.pool.all([read_volumes, partial(observe, task.member)])
        return _wrong(result, volumes, observed)

    return read_back(task, result, read)


def revert(task: Task, result: StepResult, now: Host) -> tuple[RestoredItem, ...]:
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
        for volume in task.section[VOLUMES]
        if volume["delete_on_termination"]
    ]
    return tuple(task.member.pool.all([*work, *volumes]))


def _reader(member: Member, name: str) -> Callable[[], Any]:
    def read() -> Any:
        try:
            answer = member.ec2.describe_instance_attribute(InstanceId=member.target.instance, Attribute=name)
        except errors.AwsError as error:
            return error
        value = answer.get(ATTRIBUTES[name][0], {}).get("Value")
        return UnreadError(f"EC2 gave no value of {name}") if value is None else value

    return read


def _kept(volumes: Iterable[Volume]) -> list[dict[str, Any]]:
    return [
        {"id": volume.id, "device": volume.device, "delete_on_termination": volume.delete_on_termination}
        for volume in volumes
    ]


def _wrong(result: StepResult, volumes: Any, observed: Mapping[str, Any]) -> list[ItemOutcome]:
    """Return a failed item for each setting that was made and is not read back."""
    wrong: list[ItemOutcome] = []
    for item in result.items:
        if item.outcome is not StepOutcome.DONE:
            continue
        value = volumes if item.what == VOLUMES else observed[item.what]
        wanted = () if item.what == VOLUMES else ATTRIBUTES[item.what][2]
        if isinstance(value, Exception):
            wrong.append(failed_item(item.what, value))
        elif value != wanted:
            wrong.append(
                ItemOutcome(item.what, StepOutcome.FAILED, f"read back as {value!r}", "NotInEffect", transient=True)
            )
    return wrong


def _volumes_let_go(task: Task) -> Any:
    """Return the volumes of the baseline that would go with the host, or the error that reading raised."""
    kept = {volume["id"] for volume in task.section[VOLUMES]}
    try:
        answer = task.member.ec2.describe_instances(InstanceIds=[task.host.id])
    except errors.AwsError as error:
        return error
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


def _changes(task: Task) -> list[tuple[str, dict[str, Any]]]:
    """Return what to set: (name of the item, parameters). Set even where it is so already: it may change meanwhile."""
    changes: list[tuple[str, dict[str, Any]]] = []
    for name in task.section["attributes"]:
        _, parameter, wanted = ATTRIBUTES[name]
        if not (task.host.spot and name in _NOT_ON_SPOT):
            changes.append((name, {parameter: {"Value": wanted}}))
    kept = {volume["id"] for volume in task.section[VOLUMES]}
    mappings = [
        {"DeviceName": volume.device, "Ebs": {"DeleteOnTermination": False}}
        for volume in task.host.volumes
        if volume.id in kept  # one that was detached since would make EC2 refuse the whole call
    ]
    if mappings:
        changes.append((VOLUMES, {"BlockDeviceMappings": mappings}))
    return changes


def _change(task: Task, what: str, parameters: dict[str, Any]) -> ItemOutcome:
    return try_call(what, lambda: _modify(task.member.ec2, task.host.id, parameters))


def _left_out(task: Task) -> list[ItemOutcome]:
    """Return the settings that can't be made, with the reason."""
    observed = task.observed if isinstance(task.observed, Mapping) else {}
    items = [
        failed_item(name, value)
        for name, value in observed.items()
        if isinstance(value, Exception) and name not in task.section["attributes"]
    ]
    if task.host.spot:
        reason = "EC2 has no such protection for a Spot instance, and may take the instance back"
        items.extend(ItemOutcome(name, StepOutcome.SKIPPED, reason) for name in _NOT_ON_SPOT)
    return items


def _call(instance: str, parameters: Mapping[str, Any]) -> PlannedCall:
    return PlannedCall(NAME, "ModifyInstanceAttribute", {"InstanceId": instance, **parameters})


def _restore_attribute(task: Task, name: str, before: Any, now: Any, *, ours: bool) -> RestoredItem:
    _, parameter, wanted = ATTRIBUTES[name]
    command = _command(task, {parameter: before if isinstance(before, bool) else {"Value": before}})
    if isinstance(now, Exception):
        return RestoredItem(NAME, name, restored=False, reason=errors.message(now), retry=True, command=command)
    if now == before:
        return RestoredItem(NAME, name, restored=True, reason="found as it was")
    if now != wanted or not ours:
        reason = f"found as {now!r}, which Cordon did not set"
        return RestoredItem(NAME, name, restored=False, reason=reason, command=command)
    return restore(NAME, name, lambda: _modify(task.member.ec2, task.host.id, {parameter: {"Value": before}}), command)


def _restore_volume(task: Task, volume: str, now: Volume | None) -> RestoredItem:
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


def _command(task: Task, parameters: Mapping[str, Any]) -> str:
    """Return what a person would type; the AWS CLI takes a setting that is on or off as a flag."""
    region = task.member.target.region
    return aws_command("ec2", "ModifyInstanceAttribute", {"InstanceId": task.host.id, **parameters}, region)


def _modify(ec2: AwsClient, instance: str, parameters: dict[str, Any]) -> None:
    ec2.modify_instance_attribute(InstanceId=instance, **parameters)


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    observe=observe,
    baseline=baseline,
    plan=plan,
    apply=apply,
    verify=verify,
    revert=revert,
    extend_baseline=extend_baseline,
)
