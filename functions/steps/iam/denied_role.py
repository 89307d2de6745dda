# SPDX-License-Identifier: Apache-2.0
"""A role as its denial changes it: what is recorded of it, its slots, and how its parts are named."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypedDict

from functions import names
from functions.incident.model import StepResult
from functions.steps.iam.iam_reading import RoleFacts
from functions.steps.step import Member, Task

NAME = "role_denial"
SLOTS = range(1, names.DENIED_TAGS + 1)


class KeptRole(TypedDict):
    """A role as it was: its tags, and the ARNs of the managed policies attached to it."""

    tags: dict[str, str]
    attached: list[str]


class Section(TypedDict):
    """Each role as it was, by its name."""

    roles: dict[str, KeptRole]


class Receipt(TypedDict, total=False):
    """The slot that was taken of each role, and whether the host was found to have no role."""

    slots: dict[str, int]
    roleless: bool


class RoleOriginal(TypedDict, total=False):
    """Whether the policy was attached before the first incident of the role, where that is known."""

    attached: bool


@dataclass(frozen=True, slots=True)
class RolesObserved:
    """The roles to deny: the host's own and those of earlier attempts. ``why`` says why there is none of its own."""

    roles: Mapping[str, Future[RoleFacts]] = field(default_factory=dict)
    why: str = ""


DenialTask = Task[RolesObserved, Section, Receipt]
Result = StepResult[Receipt]


def policy_arn(member: Member) -> str:
    """Return the ARN of the denial policy that the member stack ships."""
    target, name = member.target, names.member_policy(member.qualifier, "denial")
    return names.iam_arn(target.partition, target.account, member.qualifier, "policy", name)


def resource_of(role: str) -> str:
    """Return the name of the role among the shared resources of its account."""
    return f"role#{role}"


def slot_keys(task: DenialTask, slot: int) -> tuple[str, str]:
    """Return the keys of a slot's two tags: the first denies the host, the second its way in by Systems Manager."""
    qualifier = task.member.qualifier
    return names.denied_tag(qualifier, slot), names.denied_way_in_tag(qualifier, slot)


def tags_item(role: str) -> str:
    """Return the name of the item for the tags of a role."""
    return f"{role}: tags"


def policy_item(role: str) -> str:
    """Return the name of the item for the policy on a role."""
    return f"{role}: policy"
