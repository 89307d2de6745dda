# SPDX-License-Identifier: Apache-2.0
"""Tag the host as isolated: everything that belongs to it says so, and the evidence lock protects it.

An SCP sees the tags of the resource that a call names, so the instance alone is not enough: its interfaces and volumes
are tagged too, and snapshots and groups when they are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, NotRequired, TypedDict

from functions import names
from functions.aws import errors
from functions.aws.command import aws_command
from functions.grants import MADE_BY_SESSION, OF_SESSION, ONE_INSTANCE, Conditions, Grant, reads
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.steps.host import Host, Interface, Volume
from functions.steps.reading import filtered, read_until
from functions.steps.step import Member, Step, Task, conclude, failed_item, restore, try_call

NAME = "tags"

ALL_ITEM = "tags"

_OURS = {
    "instance": ONE_INSTANCE,
    "network-interface": "No key ties an interface to its instance, and its id is not known when the session begins.",
    "volume": "No key ties a volume to its instance, and its id is not known when the session begins.",
}
_BOTH_KEYS: Conditions = {
    **MADE_BY_SESSION,
    "ForAllValues:StringEquals": {"aws:TagKeys": (names.STATUS_TAG, "{incident_tag}")},
}
_STILL_AS_SET: Mapping[str, Conditions] = {
    # The key that is put back -> one key a call (no key at all would take every tag away), of what has our value still.
    # Each looks at its own tag: the incident's is put back last, and somebody may have taken it away before.
    names.STATUS_TAG: {
        "StringEquals": {f"aws:ResourceTag/{names.STATUS_TAG}": (names.STATUS_VALUE,)},
        "ForAllValues:StringEquals": {"aws:TagKeys": (names.STATUS_TAG,)},
        "Null": {"aws:TagKeys": ("false",)},
    },
    "{incident_tag}": {
        **OF_SESSION,
        "ForAllValues:StringEquals": {"aws:TagKeys": ("{incident_tag}",)},
        "Null": {"aws:TagKeys": ("false",)},
    },
}
GRANTS = (
    *(Grant("ec2:CreateTags", resource, why, _BOTH_KEYS) for resource, why in _OURS.items()),
    *reads("ec2:DescribeTags"),
)
RELEASE_GRANTS = tuple(
    Grant(action, resource, why, conditions)
    for action in ("ec2:CreateTags", "ec2:DeleteTags")
    for resource, why in _OURS.items()
    for conditions in _STILL_AS_SET.values()
)


class Section(TypedDict):
    """The keys of the tags that are set, and what each resource had of them; an addition has no ``keys``."""

    keys: NotRequired[list[str]]
    tags: dict[str, dict[str, str]]


class Receipt(TypedDict, total=False):
    """The resources that were tagged."""

    resources: list[str]


StepTask = Task[tuple[str, ...], Section, Receipt]
Result = StepResult[Receipt]


def observe(member: Member) -> tuple[str, ...]:
    """Read nothing, the tags come with the host; tell which keys are set."""
    return tuple(_ours(member))


def baseline(host: Host, observation: Future[tuple[str, ...]]) -> Section:
    """Keep earlier values of the tags that are set, of instance, interfaces and volumes, where they could be read.

    Of those keys alone: all tags of a host with many volumes would outgrow the item that a section is.
    """
    errors.raise_transient(host.gaps)
    keys = observation.result()
    tags: dict[str, Mapping[str, str]] = {host.id: host.tags}
    tags.update({each.id: each.tags for each in _attached(host) if each.tags is not None})
    return {"keys": list(keys), "tags": {resource: _only(keys, found) for resource, found in tags.items()}}


def extend_baseline(host: Host, _observation: Future[tuple[str, ...]], section: Section) -> tuple[str, Section] | None:
    """Keep the same of what was attached after the baseline was taken."""
    new = {
        each.id: _only(section["keys"], each.tags)
        for each in _attached(host)
        if each.id not in section["tags"] and each.tags is not None
    }
    return (next(iter(new)), {"tags": new}) if new else None


def plan(task: StepTask) -> tuple[PlannedCall, ...]:
    """Return the one call that tags them all."""
    return (PlannedCall(NAME, "CreateTags", _parameters(task)),)


def apply(task: StepTask, _prepared: None) -> Result:
    """Tag everything in one call; where that is refused for good, each resource by itself.

    One resource that is gone or has no room for a tag fails the call for all. What can't be tagged because its old
    tags are unknown is named.
    """
    parameters = _parameters(task)
    resources: list[str] = parameters["Resources"]
    ec2 = task.member.ec2
    item = try_call(ALL_ITEM, lambda: ec2.create_tags(**parameters))
    if item.outcome is StepOutcome.DONE or item.transient or len(resources) == 1:
        tagged = resources if item.outcome is StepOutcome.DONE else []
        return conclude(NAME, [item, *_unread(task)], {"resources": tagged})
    singles = task.member.pool.all(
        [
            partial(try_call, each, partial(ec2.create_tags, Resources=[each], Tags=parameters["Tags"]))
            for each in resources
        ]
    )
    tagged = [single.what for single in singles if single.outcome is StepOutcome.DONE]
    return conclude(NAME, [*singles, *_unread(task)], {"resources": tagged})


def verify(task: StepTask, result: Result) -> Result:
    """Read the tags back."""
    resources = result.receipt.get("resources", [])
    if not resources:
        return result
    member = task.member
    key = {"Name": "key", "Values": [member.incident_tag]}

    def missing() -> list[str]:
        found = filtered(member.pool, member.ec2.describe_tags, "Tags", "resource-id", resources, key)
        tagged = {each["ResourceId"] for each in found if each["Value"] == member.incident}
        return [resource for resource in resources if resource not in tagged]

    try:
        left = read_until(member.clock, missing, lambda found: not found)
    except errors.AwsError as error:
        return conclude(NAME, [*result.items, failed_item("reading back", error)], result.receipt)
    items = [ItemOutcome(each, StepOutcome.FAILED, "has no tag", "NotInEffect", transient=True) for each in left]
    kept = [item for item in result.items if item.what not in left]
    return conclude(NAME, [*kept, *items], result.receipt) if items else result


def revert(task: StepTask, _result: Result, now: Host) -> tuple[RestoredItem, ...]:
    """Give each resource its earlier value of ``status`` back, or none; and take the incident's tag away.

    A tag that names the incident is ours, whatever became of the attempt that set it.
    """
    present: dict[str, Mapping[str, str] | None] = {now.id: now.tags}
    present.update({each.id: each.tags for each in _attached(now)})
    items = []
    work = []
    for resource, before in task.section["tags"].items():
        what, tags = f"tags of {resource}", present.get(resource)
        if tags is not None:
            work.append(partial(_restore_tags, task, resource, before, tags))
        elif resource in present:
            reason, command = f"they could not be read ({_why_unread(now)})", _commands(task, resource, before)
            items.append(RestoredItem(NAME, what, restored=False, reason=reason, retry=True, command=command))
        else:
            reason, command = "no longer part of the host", _commands(task, resource, before)
            items.append(RestoredItem(NAME, what, restored=False, reason=reason, command=command))
    for restored in task.member.pool.all(work):
        items.extend(restored)
    return tuple(items)


def _attached(host: Host) -> tuple[Interface | Volume, ...]:
    return (*host.interfaces, *host.volumes)


def _only(keys: Iterable[str], tags: Mapping[str, str]) -> dict[str, str]:
    return {key: tags[key] for key in keys if key in tags}


def _ours(member: Member) -> dict[str, str]:
    return {names.STATUS_TAG: names.STATUS_VALUE, member.incident_tag: member.incident}


def _parameters(task: StepTask) -> dict[str, Any]:
    tags = [{"Key": key, "Value": value} for key, value in _ours(task.member).items()]
    return {"Resources": sorted(task.section["tags"]), "Tags": tags}


def _why_unread(host: Host) -> str:
    return "; ".join(errors.message(gap) for gap in host.gaps) or "EC2 did not tell of it"


def _unread(task: StepTask) -> list[ItemOutcome]:
    reason = f"its tags could not be read, so they are not changed ({_why_unread(task.host)})"
    code = errors.code(task.host.gaps[0]) if task.host.gaps else "Unread"
    return [
        ItemOutcome(each.id, StepOutcome.FAILED, reason, code)
        for each in _attached(task.host)
        if each.id not in task.section["tags"]
    ]


def _restore_tags(
    task: StepTask, resource: str, before: Mapping[str, str], now: Mapping[str, str]
) -> list[RestoredItem]:
    """Restore the tags of one resource, one call after the other: the incident's own last, it tells what is ours."""
    items = []
    for key, ours in _ours(task.member).items():
        what, earlier, found = f"tag {key} of {resource}", before.get(key), now.get(key)
        command = _command(task, resource, key, earlier)
        if found == earlier:
            continue
        if found != ours:
            reason = f"found as {found!r}, which is not what was set"
            items.append(RestoredItem(NAME, what, restored=False, reason=reason, command=command))
        else:
            items.append(restore(NAME, what, partial(_set_tag, task, resource, key, (ours, earlier)), command))
    return items


def _commands(task: StepTask, resource: str, before: Mapping[str, str]) -> str:
    return " && ".join(_command(task, resource, key, before.get(key)) for key in _ours(task.member))


def _command(task: StepTask, resource: str, key: str, earlier: str | None) -> str:
    """Return what a person would type to give a resource its earlier tag back, or none."""
    tag = {"Key": key} if earlier is None else {"Key": key, "Value": earlier}
    parameters = {"Resources": [resource], "Tags": [tag]}
    return aws_command("ec2", "DeleteTags" if earlier is None else "CreateTags", parameters, task.member.target.region)


def _set_tag(task: StepTask, resource: str, key: str, ours_and_earlier: tuple[str, str | None]) -> None:
    ours, earlier = ours_and_earlier
    if earlier is None:
        # With the value: a tag that somebody changes in the meantime stays.
        task.member.ec2.delete_tags(Resources=[resource], Tags=[{"Key": key, "Value": ours}])
    else:
        task.member.ec2.create_tags(Resources=[resource], Tags=[{"Key": key, "Value": earlier}])


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
)
