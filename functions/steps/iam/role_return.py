# SPDX-License-Identifier: Apache-2.0
"""The way back of a denied role, as a release takes it: the tags of this host, and the policy with the last host."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from functions.aws import errors
from functions.aws.command import aws_command
from functions.incident.model import RestoredItem
from functions.steps.host import Host
from functions.steps.iam.denied_role import (
    NAME,
    SLOTS,
    DenialTask,
    Result,
    RoleOriginal,
    policy_arn,
    policy_item,
    resource_of,
    slot_keys,
    tags_item,
)
from functions.steps.iam.iam_reading import RoleFacts, gone, role_facts
from functions.steps.shared import release_shared, restore_unless_shared
from functions.steps.step import Member, restore


def revert(task: DenialTask, result: Result, _now: Host) -> tuple[RestoredItem, ...]:
    """Take this host's tags away, and the policy where no other host needs it and it wasn't there before."""
    slots: Mapping[str, int] = result.receipt.get("slots", {})
    restored = task.member.pool.all([partial(_free, task, role, slots.get(role)) for role in task.section["roles"]])
    return tuple(item for items in restored for item in items)


def unfit(item: RestoredItem) -> bool:
    """Tell whether an item of a release leaves the role denied for now."""
    return not item.restored and item.retry


def _free(task: DenialTask, role: str, slot: int | None) -> list[RestoredItem]:
    """Free one role of this host, then of the policy where this host was the last."""
    member, items = task.member, list[RestoredItem]()
    try:
        items = _untag(task, role, slot, role_facts(member.client("iam"), member.pool, role))
    except errors.AwsError as error:
        if not gone(error):
            return [RestoredItem(NAME, role, restored=False, reason=errors.message(error), retry=True)]
    if any(item.retry for item in items):
        return items  # the tag is still there, so the slot stays this incident's
    return [*items, *release_shared(NAME, member, resource_of(role), policy_item(role), partial(_detach, member, role))]


def _untag(task: DenialTask, role: str, slot: int | None, facts: RoleFacts) -> list[RestoredItem]:
    """Take away the tags that still name this host; one that names something else is left as it is."""
    mine, every = task.member.target.arn, {key for each in SLOTS for key in slot_keys(task, each)}
    ours = sorted(key for key in every if facts.tags.get(key) == mine)
    items = []
    for key in slot_keys(task, slot) if slot else ():
        if facts.tags.get(key, mine) != mine:
            reason = f"found as {facts.tags[key]!r}, which Cordon did not set"
            command = _command(task.member, "UntagRole", {"RoleName": role, "TagKeys": [key]})
            items.append(RestoredItem(NAME, f"{role}: {key}", restored=False, reason=reason, command=command))
    if ours:
        call = partial(task.member.client("iam").untag_role, RoleName=role, TagKeys=ours)
        items.append(restore(NAME, tags_item(role), call))
    elif not items:
        items.append(RestoredItem(NAME, tags_item(role), restored=True, reason="found as it was"))
    return items


def _detach(member: Member, role: str, original: RoleOriginal) -> list[RestoredItem]:
    """Put the policy back as the first incident found it."""
    what, iam, policy = policy_item(role), member.client("iam"), policy_arn(member)
    try:
        attached = policy in role_facts(iam, member.pool, role).attached
    except errors.AwsError as error:
        if gone(error):
            return [RestoredItem(NAME, role, restored=True, reason="the role no longer exists")]
        return [RestoredItem(NAME, what, restored=False, reason=errors.message(error), retry=True)]
    before = "attached" in original and original["attached"]
    if attached and not before:
        detach = partial(iam.detach_role_policy, RoleName=role, PolicyArn=policy)
        return [restore_unless_shared(NAME, member, resource_of(role), what, detach)]
    if before and not attached:
        command = _command(member, "AttachRolePolicy", {"RoleName": role, "PolicyArn": policy})
        reason = "it was attached before, and somebody else detached it"
        return [RestoredItem(NAME, what, restored=False, reason=reason, command=command)]
    return [RestoredItem(NAME, what, restored=True, reason="found as it was")]


def _command(member: Member, operation: str, parameters: Mapping[str, Any]) -> str:
    return aws_command("iam", operation, parameters, member.target.region)
