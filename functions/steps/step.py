# SPDX-License-Identifier: Apache-2.0
"""The shape of a step: observe, plan, apply, verify, revert, and the permissions that these need.

The member role's policy, the reference documentation and the permission tests are made from these records, so a call
that is not declared here fails a test. A further step is a further module with a further record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from functions import names
from functions.aws import errors
from functions.aws.clients import AwsClient, Clients
from functions.clock import Clock
from functions.context import MemberCredentials
from functions.finding.model import Target
from functions.grants import Grant, actions
from functions.incident.evidence import EvidenceFolder
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.incident.shared_resources import SharedResources
from functions.organization.control import HubRecords
from functions.parallel import Pool
from functions.policy.model import Cap, Policy
from functions.runtime import Runtime
from functions.steps.host import Host
from functions.steps.reading import read_until

Section = Mapping[str, Any]
"""What a step found before it changed anything, as plain data; written once."""

Options = Mapping[str, Any]
"""What policy says about a step."""


class UnobservedError(Exception):
    """What a baseline covers could not be read for now, so nothing of it may be changed. Attribute ``cause``."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(errors.message(cause))
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Member:
    """A member account as a step reaches it: clients that sign with the incident's credentials.

    ``shared_resources`` are those that other incidents may use too; ``evidence`` is where this incident's files go;
    ``enter`` gives credentials of another of the member's roles (``identity``), and raises what STS raises.
    """

    target: Target
    incident: str
    qualifier: str
    clients: Clients
    runtime: Runtime
    records: HubRecords
    shared_resources: SharedResources
    evidence: EvidenceFolder
    enter: Callable[[str], MemberCredentials]
    groups: Mapping[str, str]
    made: frozenset[str] = frozenset()

    @property
    def pool(self) -> Pool:
        """Threads for calls that go side by side."""
        return self.runtime.pool

    @property
    def clock(self) -> Clock:
        """Tells the time and waits."""
        return self.runtime.clock

    @property
    def ec2(self) -> AwsClient:
        """EC2 in the target's Region."""
        return self.client("ec2")

    def client(self, service: str) -> AwsClient:
        """Return the client of any service in the target's Region."""
        return self.clients.member(service, self.target.region)

    @property
    def incident_tag(self) -> str:
        """Key of the tag that names the incident on everything that it touches or makes."""
        return names.incident_tag(self.qualifier)


@dataclass(frozen=True, slots=True)
class Task:
    """One step's work on one host.

    ``observed`` is what its ``observe`` (or ``observe_with_host``) returned, or the error that it raised; ``receipt``
    what earlier attempts of the incident are known to have done; ``users`` the IAM users that the findings name, each
    with why it is let alone, or nothing. A step that comes ``after`` this one waits for ``next_allowed``, which the
    engine sets when the step ends, if the step didn't before.
    """

    member: Member
    host: Host
    options: Options
    observed: Any
    section: Section
    resumed: bool
    next_allowed: Future[None] = field(compare=False, repr=False)
    receipt: Mapping[str, Any] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)

    def allow_next(self) -> None:
        """Allow the steps that come after this one to go on now."""
        if not self.next_allowed.done():
            self.next_allowed.set_result(None)


@dataclass(frozen=True, slots=True)
class Step:
    """A step's record.

    grants     what it may do to contain; ``permissions`` are the names of the actions
    release_grants, release_permissions
               the same to release
    identity_grants
               what it may do through the opt-in role, either way
    within, on
               the step whose options switch this one on, and how they do; without ``within`` its own options do
    after      names of the steps that must have ended, in whatever way, or have allowed it, before this one changes
               anything; ``wait_seconds``: for how many seconds it waits for each, None for ever
    observe    member                 -> what is there now (reads that need no knowledge of the host), or a future of
                                         it, where looking at the host is not to wait; None where what there is to know
                                         comes with the host. ``observe_seconds``: how long it is waited for after the
                                         host is described, None for ever
    observe_with_host
               task                   -> the same where it takes the host's description first; then the section is
                                         written by itself, and planning has none
    baseline   host, observed         -> the section to write before this step changes anything; pure. Raises
                                         UnobservedError when what it covers could not be read just now
    plan       task                   -> the calls to make; pure, so that every mode can show it
    warning    task                   -> what a person should know before approving the plan, as a sentence:
                                         what may keep it from being done, what it costs; None where nothing is; pure
    extend_baseline
               host, observed, section
                                      -> the section of what was attached to the host after ``section`` was written,
                                         and the name of the first such thing; None where nothing was; pure
    prepare    task                   -> what apply needs and the baseline does not cover (a quarantine group)
    approval_check
               task, prepared, policy -> why a person has to approve first, whatever the rule says; pure
    apply      task, prepared         -> a result with an outcome for each call; every call can be repeated
    verify     task, result           -> the result after reading back: is it so?
    revert     task, result, host now -> compare-and-set restore, item by item
    """

    name: str
    grants: tuple[Grant, ...]
    release_grants: tuple[Grant, ...]
    baseline: Callable[[Host, Any], Section]
    plan: Callable[[Task], tuple[PlannedCall, ...]]
    apply: Callable[[Task, Any], StepResult]
    verify: Callable[[Task, StepResult], StepResult]
    revert: Callable[[Task, StepResult, Host], tuple[RestoredItem, ...]]
    observe: Callable[[Member], Any] | None = None
    warning: Callable[[Task], str | None] | None = None
    prepare: Callable[[Task], Any] | None = None
    extend_baseline: Callable[[Host, Any, Section], tuple[str, Section] | None] | None = None
    observe_with_host: Callable[[Task], Any] | None = None
    approval_check: Callable[[Task, Any, Policy], Iterable[Cap]] | None = None
    within: str = ""
    on: Callable[[Options], bool] = bool
    after: tuple[str, ...] = ()
    wait_seconds: float | None = None
    observe_seconds: float | None = None
    identity_grants: tuple[Grant, ...] = ()

    @property
    def permissions(self) -> tuple[str, ...]:
        """The actions that containing takes, each once."""
        return actions(self.grants)

    @property
    def release_permissions(self) -> tuple[str, ...]:
        """The actions that releasing takes, each once."""
        return actions(self.release_grants)

    def options(self, decided: Mapping[str, Options]) -> Options | None:
        """Return what policy says about this step, or None where it is switched off."""
        options = decided.get(self.within or self.name)
        if options is None or not options.get("enabled", True):
            return None
        return options if not self.within or self.on(options) else None


def refuse_passing_failures(observed: Iterable[Any]) -> None:
    """Raise UnobservedError for the first failed read that may succeed later: a baseline is written once."""
    for value in observed:
        if isinstance(value, Exception) and errors.transient(value):
            raise UnobservedError(value)


def try_call(what: str, call: Callable[[], object]) -> ItemOutcome:
    """Make one call and tell how it ended; AWS errors become the item's outcome."""
    try:
        call()
    except errors.AwsError as error:
        return failed_item(what, error)
    return ItemOutcome(what, StepOutcome.DONE)


def failed_item(what: str, error: BaseException) -> ItemOutcome:
    """Return the item for a call that failed."""
    return ItemOutcome(what, StepOutcome.FAILED, errors.message(error), errors.code(error), errors.transient(error))


def conclude(name: str, items: list[ItemOutcome], receipt: Mapping[str, Any], *, nothing: str = "") -> StepResult:
    """Sum the items up: failed if any failed (each gap named), skipped if there was nothing to do."""
    failed = [item for item in items if item.outcome is StepOutcome.FAILED]
    skipped = [item for item in items if item.outcome is StepOutcome.SKIPPED]
    if failed:
        reason = "; ".join(f"{item.what}: {item.reason}" for item in [*failed, *skipped])
        return StepResult(name, StepOutcome.FAILED, reason, failed[0].error, tuple(items), receipt)
    if skipped or not items:
        outcome = StepOutcome.DONE if len(skipped) < len(items) else StepOutcome.SKIPPED
        reason = "; ".join(f"{item.what}: {item.reason}" for item in skipped) or nothing
        return StepResult(name, outcome, reason, None, tuple(items), receipt)
    return StepResult(name, StepOutcome.DONE, "", None, tuple(items), receipt)


def read_back(task: Task, result: StepResult, wrong: Callable[[], list[ItemOutcome]]) -> StepResult:
    """Return the result after reading back; ``wrong`` reads what isn't so, again while a write may not show yet.

    Its items take the place of those of the same name. An item that may only not show yet has error ``NotInEffect``.
    """
    missing = read_until(task.member.clock, wrong, lambda items: all(item.error != "NotInEffect" for item in items))
    if not missing:
        return result
    named = {item.what for item in missing}
    kept = [item for item in result.items if item.what not in named]
    return conclude(result.name, [*kept, *missing], result.receipt)


def restore(step: str, what: str, call: Callable[[], object], command: str = "") -> RestoredItem:
    """Make one restoring call and tell how it ended; where it failed, with the command that a person would type."""
    try:
        call()
    except errors.AwsError as error:
        return RestoredItem(step, what, restored=False, reason=errors.message(error), retry=True, command=command)
    return RestoredItem(step, what, restored=True)
