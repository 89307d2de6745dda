# SPDX-License-Identifier: Apache-2.0
"""Snapshot the host's disks as evidence: one crash-consistent set, or volume by volume where the set is refused.

CreateSnapshots takes every volume at one point in time and returns at once, but one failing volume fails the set. It
has no client token: its effect is looked up by the incident's tag before it is repeated.

What is on instance store no snapshot has: that the host has some is said, so that nobody stops it unawares.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any, TypedDict

from botocore.exceptions import ClientError

from functions import names
from functions.aws import errors
from functions.aws.once import make_once
from functions.grants import MADE_BY_SESSION, ONE_INSTANCE, Grant, reads, tagged_when_made
from functions.incident.evidence import Evidence
from functions.incident.model import ItemOutcome, PlannedCall, StepOutcome, StepResult
from functions.steps import instance_type
from functions.steps.host import Host
from functions.steps.instance_type import InstanceType, UnknownTypeError
from functions.steps.reading import every, filtered, read_until
from functions.steps.risk import Aftermath, Risk
from functions.steps.step import Step, StepError, Task, conclude, failed_item

NAME = "snapshot"
STORE_ITEM = "instance store"
_STORE_REASON = "on no snapshot, and erased when the host stops: Cordon never stops it"
_NO_VOLUME = "the host has no EBS volume"
_DESCRIPTION_LIMIT = 255
_LOST = ("error", "recoverable")

_SET, _ONE = "ec2:CreateSnapshots", "ec2:CreateSnapshot"
_NEW = "A snapshot has no id before it is made; that it must carry the session's own incident is what holds it."
_ANY_VOLUME = "No key ties a volume to its instance, and the volumes' ids are not known when the session begins."
GRANTS = (
    Grant(_SET, "instance", ONE_INSTANCE),
    Grant(_SET, "volume", _ANY_VOLUME),
    Grant(_SET, "snapshot", _NEW, MADE_BY_SESSION),
    Grant(_ONE, "volume", _ANY_VOLUME),
    Grant(_ONE, "snapshot", _NEW, MADE_BY_SESSION),
    tagged_when_made("snapshot", "CreateSnapshot", "CreateSnapshots"),
    *reads("ec2:DescribeSnapshots"),
    *instance_type.GRANTS,
)


INSTANCE_STORE = Risk(
    "instance-store", "the host's instance store is on no snapshot, and is erased when the host stops"
)


class UnseenError(StepError):
    """Whether a snapshot was made already can't be seen, so none may be made. Attribute ``cause``."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(errors.message(cause))
        self.cause = cause


SnapshotIds = dict[str, str]
"""Volume id -> snapshot id."""


class Section(TypedDict):
    """The ids of the volumes."""

    volumes: list[str]


class Receipt(TypedDict, total=False):
    """The snapshots that were made, by volume."""

    snapshots: SnapshotIds


StepTask = Task[None, Section, Receipt]
Result = StepResult[Receipt]


def baseline(host: Host, _observation: Future[None]) -> Section:
    """Name the volumes that there were."""
    return {"volumes": [volume.id for volume in host.volumes]}


def prepare(task: StepTask) -> Future[InstanceType]:
    """Read whether the host's type has instance store; what this raises only keeps it from being told."""
    return instance_type.reading(task.member, task.host)


def plan(task: StepTask) -> tuple[PlannedCall, ...]:
    """Return the one call for the whole set, or none for a host without EBS volumes."""
    if not task.section["volumes"]:
        return ()
    return (PlannedCall(NAME, "CreateSnapshots", _set_parameters(task)),)


def extend_baseline(host: Host, _observation: Future[None], section: Section) -> tuple[str, Section] | None:
    """Name the volumes that were attached after the baseline was taken."""
    new = [volume.id for volume in host.volumes if volume.id not in section["volumes"]]
    return (new[0], {"volumes": new}) if new else None


def apply(task: StepTask, prepared: Future[InstanceType]) -> Result:
    """Make the set once; where it is refused for good, each volume by itself.

    What an earlier try made is looked for first; where that can't be seen nothing is made, or each try would make a
    set of its own.
    """
    store = _store(prepared)
    result = _taken(task)
    return conclude(NAME, [*result.items, *store], result.receipt, nothing=_NO_VOLUME)


def _taken(task: StepTask) -> Result:
    volumes = task.section["volumes"]
    if not volumes:
        return conclude(NAME, [], {}, nothing=_NO_VOLUME)
    made: SnapshotIds = {}
    refused: list[ItemOutcome] = []
    try:
        if task.resumed or task.receipt:
            made = _find(task)
        if not made:
            made = make_once(partial(_create_set, task), lambda: _find(task) or None, task.member.clock)
    except UnseenError as error:
        return conclude(NAME, [*_done(task, made or _receipted(task)), _unseen(error)], {"snapshots": made})
    except errors.AwsError as error:
        if errors.throttled(error) or not isinstance(error, ClientError):
            # Each volume by itself would only wait for as many time-outs more: the message comes again.
            return conclude(NAME, [failed_item("the set", error)], {"snapshots": made})
        reason = f"refused ({errors.message(error)}), so each volume was snapshotted by itself"
        refused = [ItemOutcome("the set", StepOutcome.SKIPPED, reason)]
    missing = [volume for volume in volumes if volume not in made]
    items = _done(task, made)
    singles = task.member.pool.all([partial(_create_one, task, volume) for volume in missing])
    for single in singles:
        items.append(single)
        if single.outcome is StepOutcome.DONE:
            made[single.what] = single.reason
    return conclude(NAME, [*items, *refused], {"snapshots": made})


def verify(task: StepTask, result: Result) -> Result:
    """Read the snapshots back: each must be there and must not have failed."""
    made = result.receipt.get("snapshots", {})
    if not made:
        return result

    def states() -> dict[str, str]:
        return {each["SnapshotId"]: each["State"] for each in _snapshots(task, made)}

    try:
        found = read_until(task.member.clock, states, lambda seen: set(made.values()) <= set(seen))
    except errors.AwsError as error:
        return conclude(NAME, [*result.items, failed_item("reading back", error)], result.receipt)
    items = []
    for item in result.items:
        snapshot = made.get(item.what)
        if item.outcome is StepOutcome.DONE and found.get(str(snapshot), "error") in _LOST:
            reason = f"{snapshot} was made but is {found.get(str(snapshot), 'not there')}"
            items.append(ItemOutcome(item.what, StepOutcome.FAILED, reason, "NotInEffect", transient=True))
        else:
            items.append(item)
    return conclude(NAME, items, result.receipt)


def leaves(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    """Name the instance store, where there is some."""
    if aftermath.result is not None and any(item.what == STORE_ITEM for item in aftermath.result.items):
        yield INSTANCE_STORE


def evidence(result: Result) -> Evidence:
    """Return the snapshots by volume."""
    return Evidence(snapshots=result.receipt.get("snapshots", {}))


def _store(prepared: Future[InstanceType]) -> list[ItemOutcome]:
    """Tell of instance store. Where it is not known whether there is any, that is no failure of the snapshots."""
    try:
        found = prepared.result()
    except (UnknownTypeError, *errors.AwsError) as error:
        reason = f"whether there is any instance store is not known: {errors.message(error)}"
        return [ItemOutcome("instance type", StepOutcome.SKIPPED, reason)]
    return [ItemOutcome(STORE_ITEM, StepOutcome.SKIPPED, _STORE_REASON)] if found.store else []


def _set_parameters(task: StepTask) -> dict[str, Any]:
    return {
        "InstanceSpecification": {"InstanceId": task.host.id, "ExcludeBootVolume": False},
        "Description": _description(task),
        "TagSpecifications": _tags(task),
    }


def _description(task: StepTask) -> str:
    target = task.member.target
    text = f"Cordon {task.member.incident}: {target.instance} of account {target.account} in {target.region}"
    return text[:_DESCRIPTION_LIMIT]


def _tags(task: StepTask) -> list[dict[str, Any]]:
    target = task.member.target
    pairs = {
        "Name": f"{task.member.incident} {target.instance}",
        names.STATUS_TAG: names.STATUS_VALUE,
        task.member.incident_tag: task.member.incident,
    }
    return [{"ResourceType": "snapshot", "Tags": [{"Key": key, "Value": value} for key, value in pairs.items()]}]


def _create_set(task: StepTask) -> SnapshotIds:
    answer = task.member.ec2.create_snapshots(**_set_parameters(task))
    return {each["VolumeId"]: each["SnapshotId"] for each in answer["Snapshots"]}


def _create_one(task: StepTask, volume: str) -> ItemOutcome:
    def create() -> str:
        answer = task.member.ec2.create_snapshot(
            VolumeId=volume, Description=_description(task), TagSpecifications=_tags(task)
        )
        return str(answer["SnapshotId"])

    try:
        snapshot = make_once(create, lambda: _find(task).get(volume), task.member.clock)
    except UnseenError as error:
        return replace(_unseen(error), what=volume)
    except errors.AwsError as error:
        return failed_item(volume, error)
    return ItemOutcome(volume, StepOutcome.DONE, snapshot)


def _receipted(task: StepTask) -> SnapshotIds:
    """Return what earlier tries are known to have made."""
    return dict(task.receipt.get("snapshots", {}))


def _done(task: StepTask, made: SnapshotIds) -> list[ItemOutcome]:
    return [ItemOutcome(volume, StepOutcome.DONE, made[volume]) for volume in task.section["volumes"] if volume in made]


def _unseen(error: UnseenError) -> ItemOutcome:
    return failed_item("earlier snapshots", error.cause)


def _find(task: StepTask) -> SnapshotIds:
    """Return this incident's snapshots of the host's volumes: the one on record, or else the first of each volume.

    A second set may exist after a time-out whose effect showed late; it is kept as evidence and not counted here.
    Raises UnseenError.
    """
    receipted = _receipted(task)
    try:
        seen = _snapshots(task, receipted)
    except errors.AwsError as error:
        raise UnseenError(error) from error
    found: SnapshotIds = {}
    on_record = set(receipted.values())
    for each in sorted(seen, key=lambda each: (each["SnapshotId"] not in on_record, str(each["StartTime"]))):
        if each["VolumeId"] in task.section["volumes"] and each["State"] not in _LOST:
            found.setdefault(each["VolumeId"], each["SnapshotId"])
    return found


def _snapshots(task: StepTask, known: SnapshotIds) -> list[dict[str, Any]]:
    """Return the snapshots that have the incident's tag, and those of ``known`` ids that have lost it."""
    member = task.member
    found = every(
        member.ec2.describe_snapshots,
        "Snapshots",
        OwnerIds=["self"],
        Filters=[{"Name": f"tag:{member.incident_tag}", "Values": [member.incident]}],
    )
    untagged = sorted(set(known.values()) - {each["SnapshotId"] for each in found})
    if not untagged:
        return found
    return [*found, *filtered(member.pool, member.ec2.describe_snapshots, "Snapshots", "snapshot-id", untagged)]


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=(),
    services=("ec2",),
    baseline=baseline,
    plan=plan,
    apply=apply,
    verify=verify,
    extend_baseline=extend_baseline,
    prepare=prepare,
    risks=(INSTANCE_STORE,),
    leaves=leaves,
    evidence=evidence,
)
