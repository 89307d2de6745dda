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
from functions.incident.evidence import Evidence
from functions.incident.holds import Holds
from functions.incident.model import Part, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.organization.control import Records
from functions.parallel import Pool
from functions.policy.model import Cap, Policy
from functions.runtime import Runtime
from functions.steps.grant import Grant, actions
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

    ``holds`` are the incidents that share a thing with this one; ``evidence`` is where this incident's files go;
    ``enter`` gives credentials of another of the member's roles (``identity``), and raises what STS raises.
    """

    target: Target
    incident: str
    qualifier: str
    clients: Clients
    runtime: Runtime
    records: Records
    holds: Holds
    evidence: Evidence
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

    ``observed`` is what its ``observe`` (or ``explore``) returned, or the error that it raised; ``receipt`` what
    earlier attempts of the incident are known to have done; ``users`` the IAM users that the findings name, each with
    why it is let alone, or nothing. Whoever comes ``after`` this step waits for ``passed``, which the engine sets when
    the step ends, if the step didn't before.
    """

    member: Member
    host: Host
    options: Options
    observed: Any
    section: Section
    resumed: bool
    passed: Future[None] = field(compare=False, repr=False)
    receipt: Mapping[str, Any] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)

    def let_pass(self) -> None:
        """Let whoever comes after this step go on now."""
        if not self.passed.done():
            self.passed.set_result(None)


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
    after      names of the steps that must have ended, in whatever way, or have let pass, before this one changes
               anything; ``patience``: for how many seconds it waits for each, None for ever
    observe    member                 -> what is there now (reads that need no knowledge of the host), or a future of
                                         it, where looking at the host is not to wait; None where what there is to know
                                         comes with the host. ``observe_seconds``: how long it is waited for after the
                                         host is described, None for ever
    explore    task                   -> the same where it takes the host's description first; then the section is
                                         written by itself, and planning has none
    baseline   host, observed         -> the section to write before this step changes anything; pure. Raises
                                         UnobservedError when what it covers could not be read just now
    plan       task                   -> the calls to make; pure, so that every mode can show it
    caution    task                   -> what is to be known of the plan before somebody agrees to it, as a sentence:
                                         what may keep it from being done, what it costs; None where nothing is; pure
    further    host, observed, section
                                      -> the section of what was attached to the host after ``section`` was written,
                                         and the name of the first such thing; None where nothing was; pure
    prepare    task                   -> what apply needs and the baseline does not cover (a quarantine group)
    brake      task, prepared, policy -> why people are to be asked first, whatever the rule says; pure
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
    caution: Callable[[Task], str | None] | None = None
    prepare: Callable[[Task], Any] | None = None
    further: Callable[[Host, Any, Section], tuple[str, Section] | None] | None = None
    explore: Callable[[Task], Any] | None = None
    brake: Callable[[Task, Any, Policy], Iterable[Cap]] | None = None
    within: str = ""
    on: Callable[[Options], bool] = bool
    after: tuple[str, ...] = ()
    patience: float | None = None
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


def attempt(what: str, call: Callable[[], object]) -> Part:
    """Make one call and tell how it ended; AWS errors become the part's outcome."""
    try:
        call()
    except errors.AwsError as error:
        return failed_part(what, error)
    return Part(what, StepOutcome.DONE)


def failed_part(what: str, error: BaseException) -> Part:
    """Return the part for a call that failed."""
    return Part(what, StepOutcome.FAILED, errors.message(error), errors.code(error), errors.transient(error))


def conclude(name: str, parts: list[Part], receipt: Mapping[str, Any], *, nothing: str = "") -> StepResult:
    """Sum the parts up: failed if any failed (each gap named), skipped if there was nothing to do."""
    failed = [part for part in parts if part.outcome is StepOutcome.FAILED]
    skipped = [part for part in parts if part.outcome is StepOutcome.SKIPPED]
    if failed:
        reason = "; ".join(f"{part.what}: {part.reason}" for part in [*failed, *skipped])
        return StepResult(name, StepOutcome.FAILED, reason, failed[0].error, tuple(parts), receipt)
    if skipped or not parts:
        outcome = StepOutcome.DONE if len(skipped) < len(parts) else StepOutcome.SKIPPED
        reason = "; ".join(f"{part.what}: {part.reason}" for part in skipped) or nothing
        return StepResult(name, outcome, reason, None, tuple(parts), receipt)
    return StepResult(name, StepOutcome.DONE, "", None, tuple(parts), receipt)


def read_back(task: Task, result: StepResult, wrong: Callable[[], list[Part]]) -> StepResult:
    """Return the result after reading back; ``wrong`` reads what isn't so, again while a write may not show yet.

    Its parts take the place of those of the same name. A part that may only not show yet has error ``NotInEffect``.
    """
    missing = read_until(task.member.clock, wrong, lambda parts: all(part.error != "NotInEffect" for part in parts))
    if not missing:
        return result
    named = {part.what for part in missing}
    kept = [part for part in result.parts if part.what not in named]
    return conclude(result.name, [*kept, *missing], result.receipt)


def restore(step: str, what: str, call: Callable[[], object], command: str = "") -> RestoredItem:
    """Make one restoring call and tell how it ended; where it failed, with the command that a person would type."""
    try:
        call()
    except errors.AwsError as error:
        return RestoredItem(step, what, restored=False, reason=errors.message(error), retry=True, command=command)
    return RestoredItem(step, what, restored=True)
