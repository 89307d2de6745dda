# SPDX-License-Identifier: Apache-2.0
"""Reading IAM whole: the role behind an instance profile, roles, users; and what a missing one means.

IAM is paged by ``Marker``, not as EC2 is. A profile's name is not its role's name: only GetInstanceProfile tells, and
it takes the name without the path that the profile's ARN has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from functions import names
from functions.aws import errors
from functions.aws.clients import AwsClient
from functions.grants import Grant
from functions.parallel import Pool
from functions.steps.host import Host
from functions.steps.step import Member

_GONE = "NoSuchEntity"
_ANY_ROLE = "The role of a host is not known before the host is looked at, and no path or tag marks one."

INSTANCE_ROLE_GRANT = Grant(
    "iam:GetInstanceProfile",
    "instance-profile",
    "A host tells its profile, not its role, and which profile differs with each host. It reads alone.",
)
ROLE_GRANTS = (
    Grant("iam:GetRole", "role", f"{_ANY_ROLE} It reads alone."),
    Grant("iam:ListAttachedRolePolicies", "role", f"{_ANY_ROLE} It reads alone."),
)


@dataclass(frozen=True, slots=True)
class InstanceRole:
    """The role that a host runs as; or ``name`` is None, and ``why`` says why there is none to deny."""

    name: str | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """A role's tags, and the ARNs of the managed policies attached to it."""

    tags: Mapping[str, str]
    attached: frozenset[str]


def gone(error: BaseException) -> bool:
    """Tell whether IAM said that there is no such thing."""
    return errors.code(error) == _GONE


def pages(call: Callable[..., Any], key: str, **parameters: Any) -> list[Any]:
    """Return what all pages of a call of IAM's hold under ``key``; raise what the call raises."""
    found: list[Any] = []
    next_page: dict[str, str] = {}
    while True:
        answer = call(**parameters, **next_page)
        found.extend(answer.get(key, []))
        if not answer.get("IsTruncated"):
            return found
        next_page = {"Marker": answer["Marker"]}


def instance_role(member: Member, host: Host) -> InstanceRole:
    """Return the host's role; raise what GetInstanceProfile raises, unless the profile is gone."""
    if host.profile is None:
        return InstanceRole(None, "the host has no instance profile")
    profile = host.profile.rpartition("/")[2]
    try:
        answer = member.client("iam").get_instance_profile(InstanceProfileName=profile)
    except errors.AwsError as error:
        if gone(error):
            return InstanceRole(None, f"the instance profile {profile} no longer exists")
        raise
    roles = answer["InstanceProfile"]["Roles"]
    if not roles:
        return InstanceRole(None, f"the instance profile {profile} has no role")
    if roles[0]["Path"] == names.iam_path(member.qualifier):
        return InstanceRole(None, f"the host runs as {roles[0]['RoleName']}, a role of Cordon's own")
    return InstanceRole(roles[0]["RoleName"])


def role_facts(iam: AwsClient, pool: Pool, role: str) -> RoleFacts:
    """Return what is to know of a role, in two reads at once; raise what they raise."""
    attached = pool.start(lambda: pages(iam.list_attached_role_policies, "AttachedPolicies", RoleName=role))
    try:
        described = iam.get_role(RoleName=role)["Role"]
    finally:
        attached.exception()
    tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
    return RoleFacts(tags, frozenset(each["PolicyArn"] for each in attached.result()))
