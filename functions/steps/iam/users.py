# SPDX-License-Identifier: Apache-2.0
"""IAM users behind the host: into the restricted group, and their access keys off. Keys are never deleted.

A user is acted on whose access key a finding names, or whom policy names. Whoever can tag an instance could name
anybody by a tag, so such a user is told of and left to people.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from functions import names
from functions.aws import errors
from functions.aws.command import aws_command
from functions.finding.users import NAME as USER_NAME
from functions.grants import Grant
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.incident.shared_resources import ResourceBusyError
from functions.steps.host import Host
from functions.steps.iam import role_denial
from functions.steps.iam.iam_reading import gone, pages
from functions.steps.shared import acquire, not_acquired, release_shared, restore_unless_shared
from functions.steps.step import (
    Member,
    Section,
    Step,
    Task,
    UnobservedError,
    conclude,
    failed_item,
    read_back,
    try_call,
)

NAME = "users"
ABSENT = "the account has no such IAM user"
"""Of a user that policy alone names, as it may for many accounts at once, and that no attempt has found yet."""

_ACTIVE, _INACTIVE = "Active", "Inactive"
_ANY_USER = "Which user is behind a host only the finding or policy tells; no path or tag marks one."
_GROUP = "group/{qualifier}/{qualifier}-restricted"
_ONE_GROUP = "It names the one group, whose only policy denies; who is in it no key can narrow."
_READ_USERS = (
    Grant("iam:ListAccessKeys", "user", f"{_ANY_USER} It reads alone."),
    Grant("iam:ListGroupsForUser", "user", f"{_ANY_USER} It reads alone."),
)
_KEYS = Grant("iam:UpdateAccessKey", "user", f"{_ANY_USER} IAM has no key for the status that is set.")
GRANTS = (*_READ_USERS, Grant("iam:AddUserToGroup", _GROUP, _ONE_GROUP), _KEYS)
RELEASE_GRANTS = (*_READ_USERS, Grant("iam:RemoveUserFromGroup", _GROUP, _ONE_GROUP), _KEYS)


@dataclass(frozen=True, slots=True)
class UserFacts:
    """A user's access keys, id to status, and whether the user is in the restricted group."""

    keys: Mapping[str, str]
    member: bool

    @property
    def active(self) -> list[str]:
        """Ids of the keys that can be used."""
        return sorted(key for key, status in self.keys.items() if status == _ACTIVE)

    def as_kept(self) -> dict[str, Any]:
        """Return them as plain data."""
        return {"keys": dict(self.keys), "member": self.member}


def observe_with_host(task: Task) -> dict[str, UserFacts | Exception]:
    """Read every user that is named, and those that the baseline has from earlier attempts."""
    users = dict.fromkeys([*task.section.get("users", {}), *_named(task)])
    read = task.member.pool.lanes([partial(_facts, task.member, user) for user in users])
    return dict(zip(users, read, strict=True))


def baseline(host: Host, observed: Any) -> Section:
    """Keep each user's keys, and whether the user was in the group already."""
    del host
    kept = {}
    for user, facts in observed.items():
        if isinstance(facts, UserFacts):
            kept[user] = facts.as_kept()
        elif errors.transient(facts):
            raise UnobservedError(facts)
    return {"users": kept}


def extend_baseline(host: Host, observed: Any, section: Section) -> tuple[str, Section] | None:
    """Keep the same of users that are named only now."""
    new = {user: facts for user, facts in observed.items() if user not in section["users"]}
    kept = baseline(host, new)["users"]
    return (next(iter(kept)), {"users": kept}) if kept else None


def plan(task: Task) -> tuple[PlannedCall, ...]:
    """Return the calls; which keys are active is read when the host is contained."""
    calls = []
    for user in _named(task):
        group = names.restricted_group(task.member.qualifier)
        calls.append(PlannedCall(NAME, "AddUserToGroup", {"GroupName": group, "UserName": user}, "iam"))
        parameters = {"UserName": user, "AccessKeyId": "every active key", "Status": _INACTIVE}
        calls.append(PlannedCall(NAME, "UpdateAccessKey", parameters, "iam"))
    return tuple(calls)


def apply(task: Task, prepared: Any) -> StepResult:
    """Restrict every user that could be read, side by side."""
    made = task.member.pool.lanes([partial(_restrict, task, user, facts) for user, facts in prepared.items()])
    items = [item for _, told in made for item in told]
    receipt = {"users": [user for user, (is_acquired, _) in zip(prepared, made, strict=True) if is_acquired]}
    return conclude(
        NAME, [*items, *_let_alone(task, prepared), *_by_tag(task)], receipt, nothing="no IAM user is named"
    )


def verify(task: Task, result: StepResult) -> StepResult:
    """Read group and keys back; a key that is active, a new one included, fails its item."""
    users = result.receipt.get("users", [])

    def wrong() -> list[ItemOutcome]:
        read = task.member.pool.lanes([partial(_facts, task.member, user) for user in users])
        found = [item for user, facts in zip(users, read, strict=True) for item in _not_so(user, facts)]
        return [item for item in found if item.what not in failed]

    failed = {item.what for item in result.items if item.outcome is StepOutcome.FAILED}
    return read_back(task, result, wrong) if users else result


def revert(task: Task, result: StepResult, now: Host) -> tuple[RestoredItem, ...]:
    """Put each user back as the first incident found it, where no other incident uses it."""
    del result, now
    restored = task.member.pool.lanes([partial(_release, task.member, user) for user in task.section["users"]])
    return tuple(item for items in restored for item in items)


def _named(task: Task) -> list[str]:
    """Return the users to act on: those of findings, and those of policy."""
    found = [user for user, why_not in task.users.items() if not why_not]
    return list(dict.fromkeys([*found, *(task.options.get("users") or ())]))


def _let_alone(task: Task, restricted: Container[str]) -> list[ItemOutcome]:
    """Tell of the users that only findings name whose own rules ask for less than what is being done."""
    return [
        ItemOutcome(_item(user), StepOutcome.SKIPPED, why) for user, why in task.users.items() if user not in restricted
    ]


def _by_tag(task: Task) -> list[ItemOutcome]:
    """Tell of a user that a tag of the host alone names."""
    key = task.options.get("user_tag")
    user = task.host.tags.get(key) if key else None
    if user is None or user in {*_named(task), *task.users}:
        return []
    if not USER_NAME.fullmatch(user):
        reason = f"the host's tag {key} names no IAM user"
    else:
        reason = f"only the host's tag {key} names this user, and tags can be forged: acted on by approval alone"
    return [ItemOutcome(_item(user), StepOutcome.SKIPPED, reason)]


def _facts(member: Member, user: str) -> UserFacts | Exception:
    try:
        return _read(member, user)
    except errors.AwsError as error:
        return error


def _read(member: Member, user: str) -> UserFacts:
    """Read groups and keys, one after the other since users go in lanes; raise what either raises."""
    iam = member.client("iam")
    groups = {group["GroupName"] for group in pages(iam.list_groups_for_user, "Groups", UserName=user)}
    found = pages(iam.list_access_keys, "AccessKeyMetadata", UserName=user)
    keys = {key["AccessKeyId"]: key["Status"] for key in found}
    return UserFacts(keys, names.restricted_group(member.qualifier) in groups)


def _resource(user: str) -> str:
    return f"user#{user}"


def _item(user: str) -> str:
    return f"user {user}"


def _group_item(user: str) -> str:
    return f"user {user}: group"


def _key_item(user: str, key: str) -> str:
    return f"user {user}: key {key}"


def _restrict(task: Task, user: str, facts: UserFacts | Exception) -> tuple[bool, list[ItemOutcome]]:
    """Restrict one user; tell whether it was acquired, and of each call."""
    if isinstance(facts, Exception):
        if gone(facts) and (user in task.users or user in task.section["users"]):
            reason = "the account has no such IAM user: one who was renamed since keeps the keys"
            return False, [ItemOutcome(_item(user), StepOutcome.FAILED, reason, errors.code(facts))]
        if gone(facts):
            return False, [ItemOutcome(_item(user), StepOutcome.SKIPPED, ABSENT)]
        return False, [failed_item(_item(user), facts)]
    member, iam = task.member, task.member.client("iam")
    known_original = {"keys": dict.fromkeys(facts.active, _ACTIVE), **({} if facts.member else {"member": False})}
    try:
        acquire(
            member,
            _resource(user),
            known_original,
            lambda _: True,
            lacks=lambda original: "member" not in original or not facts.keys.keys() <= original["keys"].keys(),
            read_again=partial(_original, member, user),
        )
    except (ResourceBusyError, *errors.AwsError) as error:
        return False, [not_acquired(_item(user), error)]
    group = names.restricted_group(member.qualifier)
    return True, [
        try_call(_group_item(user), partial(iam.add_user_to_group, GroupName=group, UserName=user)),
        *(try_call(_key_item(user, key), partial(_set, member, user, key, _INACTIVE)) for key in facts.active),
    ]


def _original(member: Member, user: str) -> dict[str, Any]:
    return _read(member, user).as_kept()


def _set(member: Member, user: str, key: str, status: str) -> None:
    member.client("iam").update_access_key(UserName=user, AccessKeyId=key, Status=status)


def _not_so(user: str, facts: UserFacts | Exception) -> list[ItemOutcome]:
    if isinstance(facts, Exception):
        return [failed_item(_item(user), facts)]
    wrong = [] if facts.member else [_group_item(user)]
    wrong += [_key_item(user, key) for key in facts.active]
    return [
        ItemOutcome(what, StepOutcome.FAILED, "not so when read back", "NotInEffect", transient=True) for what in wrong
    ]


def _release(member: Member, user: str) -> list[RestoredItem]:
    return release_shared(NAME, member, _resource(user), _item(user), partial(_put_back, member, user))


def _put_back(member: Member, user: str, original: Mapping[str, Any]) -> list[RestoredItem]:
    """Put keys and group back, each where it still is as Cordon set it."""
    facts = _facts(member, user)
    if isinstance(facts, Exception):
        if gone(facts):
            return [RestoredItem(NAME, _item(user), restored=True, reason="the user no longer exists")]
        return [RestoredItem(NAME, _item(user), restored=False, reason=errors.message(facts), retry=True)]
    active = sorted(key for key, status in original.get("keys", {}).items() if status == _ACTIVE)
    keys = [_key_back(member, user, key, facts.keys.get(key)) for key in active]
    return [_group_back(member, user, original, facts), *keys]


def _key_back(member: Member, user: str, key: str, now: str | None) -> RestoredItem:
    what = _key_item(user, key)
    if now is None:
        return RestoredItem(NAME, what, restored=False, reason="the key no longer exists")
    if now == _ACTIVE:
        return RestoredItem(NAME, what, restored=True, reason="found as it was")
    return restore_unless_shared(NAME, member, _resource(user), what, partial(_set, member, user, key, _ACTIVE))


def _group_back(member: Member, user: str, original: Mapping[str, Any], facts: UserFacts) -> RestoredItem:
    what, group = _group_item(user), names.restricted_group(member.qualifier)
    parameters = {"GroupName": group, "UserName": user}
    if facts.member and not original.get("member"):
        remove = partial(member.client("iam").remove_user_from_group, **parameters)
        return restore_unless_shared(NAME, member, _resource(user), what, remove)
    if not facts.member and original.get("member"):
        command = aws_command("iam", "AddUserToGroup", parameters, member.target.region)
        reason = "the user was in it before, and somebody else took it out"
        return RestoredItem(NAME, what, restored=False, reason=reason, command=command)
    return RestoredItem(NAME, what, restored=True, reason="found as it was")


def _always(options: Mapping[str, Any]) -> bool:
    del options
    return True


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    observe_with_host=observe_with_host,
    baseline=baseline,
    extend_baseline=extend_baseline,
    plan=plan,
    apply=apply,
    verify=verify,
    revert=revert,
    within=role_denial.NAME,
    on=_always,
)
