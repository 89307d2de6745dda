# SPDX-License-Identifier: Apache-2.0
"""IAM users behind the host: into the restricted group, and their access keys off. Keys are never deleted.

A user is acted on whose access key a finding names, or whom policy names. Whoever can tag an instance could name
anybody by a tag, so such a user is told of and left to people.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypedDict

from functions import names
from functions.aws import errors
from functions.aws.command import aws_command
from functions.finding.users import NAME as USER_NAME
from functions.grants import Grant
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.incident.shared_resources import ResourceBusyError
from functions.parallel import settle
from functions.steps.host import Host
from functions.steps.iam import denied_role
from functions.steps.iam.iam_reading import gone, pages
from functions.steps.risk import Aftermath, Risk
from functions.steps.shared import acquire, not_acquired, release_shared, restore_unless_shared
from functions.steps.step import Member, Options, Step, Task, conclude, failed_item, read_back, try_call

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

USER_CREDENTIALS = Risk("user-credentials", "an IAM user that was named as involved still has access keys that work")


class KeptUser(TypedDict):
    """A user as it was: status by key id, and whether the user was in the restricted group."""

    keys: dict[str, str]
    member: bool


class Section(TypedDict):
    """Each user as it was, by its name."""

    users: dict[str, KeptUser]


class Receipt(TypedDict, total=False):
    """The users that this incident acquired."""

    users: list[str]


class UserOriginal(TypedDict, total=False):
    """A user before the first incident that restricts it, as far as that is known; ``keys`` may lack some."""

    keys: dict[str, str]
    member: bool


@dataclass(frozen=True, slots=True)
class UserFacts:
    """A user's access keys, id to status, and whether the user is in the restricted group."""

    keys: Mapping[str, str]
    member: bool

    @property
    def active(self) -> list[str]:
        """Ids of the keys that can be used."""
        return sorted(key for key, status in self.keys.items() if status == _ACTIVE)

    def as_kept(self) -> KeptUser:
        """Return them as plain data."""
        return {"keys": dict(self.keys), "member": self.member}


Observed = Mapping[str, Future[UserFacts]]
UsersTask = Task[Observed, Section, Receipt]
Result = StepResult[Receipt]


def observe_with_host(task: UsersTask) -> Observed:
    """Read every user that is named, and those that the baseline has from earlier attempts."""
    return _read_all(task.member, dict.fromkeys([*task.section.get("users", {}), *_named(task)]))


def baseline(_host: Host, observation: Future[Observed]) -> Section:
    """Keep each user's keys, and whether the user was in the group already; one that can't be read is left out."""
    return {"users": _kept(observation.result())}


def extend_baseline(_host: Host, observation: Future[Observed], section: Section) -> tuple[str, Section] | None:
    """Keep the same of users that are named only now."""
    kept = _kept({user: facts for user, facts in observation.result().items() if user not in section["users"]})
    return (next(iter(kept)), {"users": kept}) if kept else None


def plan(task: UsersTask) -> tuple[PlannedCall, ...]:
    """Return the calls; which keys are active is read when the host is contained."""
    calls = []
    for user in _named(task):
        group = names.restricted_group(task.member.qualifier)
        calls.append(PlannedCall(NAME, "AddUserToGroup", {"GroupName": group, "UserName": user}, "iam"))
        parameters = {"UserName": user, "AccessKeyId": "every active key", "Status": _INACTIVE}
        calls.append(PlannedCall(NAME, "UpdateAccessKey", parameters, "iam"))
    return tuple(calls)


def apply(task: UsersTask, _prepared: None) -> Result:
    """Restrict every user that could be read, side by side."""
    observed = task.observed
    made = task.member.pool.lanes([partial(_restrict, task, user, facts) for user, facts in observed.items()])
    items = [item for _, of_user in made for item in of_user]
    receipt: Receipt = {"users": [user for user, (is_acquired, _) in zip(observed, made, strict=True) if is_acquired]}
    items = [*items, *_let_alone(task, observed), *_by_tag(task)]
    return conclude(NAME, items, receipt, nothing="no IAM user is named")


def verify(task: UsersTask, result: Result) -> Result:
    """Read group and keys back; a key that is active, a new one included, fails its item."""
    users: list[str] = result.receipt.get("users", [])

    def wrong() -> list[ItemOutcome]:
        found = [item for user, facts in _read_all(task.member, users).items() for item in _not_so(user, facts)]
        return [item for item in found if item.what not in failed]

    failed = {item.what for item in result.items if item.outcome is StepOutcome.FAILED}
    return read_back(task, result, wrong) if users else result


def revert(task: UsersTask, _result: Result, _now: Host) -> tuple[RestoredItem, ...]:
    """Put each user back as the first incident found it, where no other incident uses it."""
    restored = task.member.pool.lanes([partial(_release, task.member, user) for user in task.section["users"]])
    return tuple(item for items in restored for item in items)


def leaves(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    """Name the keys of users: of those that were found and not restricted, and of all where none was found."""
    items = aftermath.result.items if aftermath.result is not None else ()
    found = [item for item in items if item.reason != ABSENT]
    if any(item.outcome is not StepOutcome.DONE for item in found) or (aftermath.users and not found):
        yield USER_CREDENTIALS


def _named(task: UsersTask) -> list[str]:
    """Return the users to act on: those of findings, and those of policy."""
    found = [user for user, why_not in task.users.items() if not why_not]
    return list(dict.fromkeys([*found, *(task.options.get("users") or ())]))


def _let_alone(task: UsersTask, restricted: Container[str]) -> list[ItemOutcome]:
    """Tell of the users that only findings name whose own rules ask for less than what is being done."""
    return [
        ItemOutcome(_item(user), StepOutcome.SKIPPED, why) for user, why in task.users.items() if user not in restricted
    ]


def _by_tag(task: UsersTask) -> list[ItemOutcome]:
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


def _read_all(member: Member, users: Iterable[str]) -> dict[str, Future[UserFacts]]:
    """Read these users in lanes; return when all reads have ended."""
    found: dict[str, Future[UserFacts]] = {user: member.pool.promise() for user in users}
    member.pool.lanes([partial(settle, facts, partial(_read, member, user)) for user, facts in found.items()])
    return found


def _kept(users: Observed) -> dict[str, KeptUser]:
    """Return what the baseline keeps of these users; raise what kept one from being read for now."""
    errors.raise_transient(facts.exception() for facts in users.values())
    kept: dict[str, KeptUser] = {}
    for user, facts in users.items():
        with suppress(*errors.AwsError):  # an item of the step tells of it
            kept[user] = facts.result().as_kept()
    return kept


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


def _restrict(task: UsersTask, user: str, read: Future[UserFacts]) -> tuple[bool, list[ItemOutcome]]:
    """Restrict one user; tell whether it was acquired, and how each call ended."""
    try:
        facts = read.result()
    except errors.AwsError as error:
        return False, [_unread(task, user, error)]
    member, iam = task.member, task.member.client("iam")
    known: UserOriginal = {"keys": dict.fromkeys(facts.active, _ACTIVE)}
    if not facts.member:
        known["member"] = False
    try:
        acquire(
            member,
            _resource(user),
            known,
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


def _unread(task: UsersTask, user: str, error: Exception) -> ItemOutcome:
    if gone(error) and (user in task.users or user in task.section["users"]):
        reason = "the account has no such IAM user: one who was renamed since keeps the keys"
        return ItemOutcome(_item(user), StepOutcome.FAILED, reason, errors.code(error))
    if gone(error):
        return ItemOutcome(_item(user), StepOutcome.SKIPPED, ABSENT)
    return failed_item(_item(user), error)


def _original(member: Member, user: str) -> UserOriginal:
    facts = _read(member, user)
    return {"keys": dict(facts.keys), "member": facts.member}


def _set(member: Member, user: str, key: str, status: str) -> None:
    member.client("iam").update_access_key(UserName=user, AccessKeyId=key, Status=status)


def _not_so(user: str, read: Future[UserFacts]) -> list[ItemOutcome]:
    try:
        facts = read.result()
    except errors.AwsError as error:
        return [failed_item(_item(user), error)]
    wrong = [] if facts.member else [_group_item(user)]
    wrong += [_key_item(user, key) for key in facts.active]
    return [
        ItemOutcome(what, StepOutcome.FAILED, "not so when read back", "NotInEffect", transient=True) for what in wrong
    ]


def _release(member: Member, user: str) -> list[RestoredItem]:
    return release_shared(NAME, member, _resource(user), _item(user), partial(_put_back, member, user))


def _put_back(member: Member, user: str, original: UserOriginal) -> list[RestoredItem]:
    """Put keys and group back, each where it still is as Cordon set it."""
    try:
        facts = _read(member, user)
    except errors.AwsError as error:
        if gone(error):
            return [RestoredItem(NAME, _item(user), restored=True, reason="the user no longer exists")]
        return [RestoredItem(NAME, _item(user), restored=False, reason=errors.message(error), retry=True)]
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


def _group_back(member: Member, user: str, original: UserOriginal, facts: UserFacts) -> RestoredItem:
    what, group = _group_item(user), names.restricted_group(member.qualifier)
    parameters = {"GroupName": group, "UserName": user}
    before = "member" in original and original["member"]
    if facts.member and not before:
        remove = partial(member.client("iam").remove_user_from_group, **parameters)
        return restore_unless_shared(NAME, member, _resource(user), what, remove)
    if before and not facts.member:
        command = aws_command("iam", "AddUserToGroup", parameters, member.target.region)
        reason = "the user was in it before, and somebody else took it out"
        return RestoredItem(NAME, what, restored=False, reason=reason, command=command)
    return RestoredItem(NAME, what, restored=True, reason="found as it was")


def _always(_options: Options) -> bool:
    return True


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    services=("iam",),
    observe_with_host=observe_with_host,
    baseline=baseline,
    extend_baseline=extend_baseline,
    plan=plan,
    apply=apply,
    verify=verify,
    revert=revert,
    within=denied_role.NAME,
    on=_always,
    risks=(USER_CREDENTIALS,),
    outlives_host=True,
    leaves=leaves,
)
