# SPDX-License-Identifier: Apache-2.0
"""The shape of a step: observe, plan, apply, verify, revert, and the permissions that these need.

The member role's policy, the reference documentation and the permission tests are made from these records, so a call
that is not declared here fails a test. A further step is a further module with a further record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from functions import names
from functions.aws import errors
from functions.aws.clients import AwsClient, Clients
from functions.clock import Clock
from functions.context import MemberCredentials
from functions.finding.model import Target
from functions.grants import Grant, actions
from functions.incident.evidence import Evidence, EvidenceFolder
from functions.incident.model import ItemOutcome, PlannedCall, RestoredItem, StepOutcome, StepResult
from functions.incident.shared_resources import SharedResources
from functions.organization.control import HubRecords
from functions.parallel import Pool
from functions.policy.model import Cap, Policy
from functions.runtime import Runtime
from functions.steps.host import Host
from functions.steps.reading import read_until
from functions.steps.risk import Aftermath, Risk

Section = Mapping[str, Any]
"""What a step found before it changed anything, as the record has it; written once."""

Options = Mapping[str, Any]
"""What policy says about a step."""


O = TypeVar("O")  # noqa: E741 — observation, beside section, preparation and receipt
S = TypeVar("S")
P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Isolation:
    """Interfaces of the host, by id.

    swapped   to the quarantine group; ``verified``: read back with it alone
    failed    those that the step should isolate and did not
    """

    swapped: frozenset[str] = frozenset()
    verified: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()


class StepError(Exception):
    """A step can't do its work, for a reason that is not an error of AWS.

    ``code`` and ``transient`` are those of the failed item that it becomes.
    """

    code = "StepError"
    transient = False


class ItemError(StepError):
    """A step can't go on after one of its calls failed. Attribute ``item``: the outcome of that call."""

    def __init__(self, item: ItemOutcome) -> None:
        super().__init__(item.reason)
        self.item = item


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
class Task(Generic[O, S, R]):
    """One step's work on one host.

    observation   the future of what the step's ``observe`` (or ``observe_with_host``) returns; ``observed`` takes it
    early         the future of what its ``observe_early`` returns; None for a step that has none
    section       what the baseline has of the step; an empty mapping where the host is still to be observed
    receipt       what earlier attempts of the incident are known to have done; a key is there where it is known
    users         the IAM users that the findings name, each with the reason why the step leaves it alone, or nothing
    next_allowed  what a step that comes ``after`` this one waits for; the engine settles it when the step ends, if the
                  step did not before
    """

    member: Member
    host: Host
    options: Options
    observation: Future[O]
    section: S
    resumed: bool
    next_allowed: Future[None] = field(compare=False, repr=False)
    receipt: R
    users: Mapping[str, str] = field(default_factory=dict)
    early: Future[Any] | None = field(default=None, compare=False, repr=False)

    @property
    def observed(self) -> O:
        """What was observed; raises what observing raised, a TimeoutError where the engine stopped waiting for it."""
        return self.observation.result()

    def allow_next(self) -> None:
        """Allow the steps that come after this one to go on now."""
        if not self.next_allowed.done():
            self.next_allowed.set_result(None)


@dataclass(frozen=True, slots=True)
class Step(Generic[O, S, P, R]):
    """A step's record: what it does, and everything that others need to know of it.

    O, S, P and R are what it observes, its section of the baseline, what it prepares, and its receipt. Section and
    receipt are stored, so they are TypedDicts. Errors of AWS are raised; the engine makes a failed item of each.

    grants     what it may do to contain; ``permissions`` are the names of the actions
    release_grants, release_permissions
               the same to release
    identity_grants
               what it may do through the opt-in role, either way
    services   the services whose clients it uses, by their boto3 names
    within, on
               the step whose options switch this one on, and how they do; without ``within`` its own options do
    after      names of the steps that must have ended, in whatever way, or have allowed it, before this one changes
               anything; ``wait_seconds``: for how many seconds it waits for each, None for ever
    risks      the residual risks that it may leave or answer
    outlives_host
               whether what it changes is still there when the host is gone, so that a release puts it back all the same
    returns_to_service
               whether its release brings the host back into service: that comes last, and not to an unfit host

    observe    member                 -> what is there now (reads that need no knowledge of the host); without it there
                                         is nothing to observe. ``observe_seconds``: how long the engine waits for it
                                         after the host is described, None for ever
    observe_early
               member                 -> the same, where nothing waits for it but ``observe_with_host``
    observe_with_host
               task                   -> what is there now, where reading it takes the host's description; then the
                                         section is written by itself, and planning has none
    baseline   host, observation      -> the section to write before this step changes anything; pure
    extend_baseline
               host, observation, section
                                      -> the section of what was attached to the host after ``section`` was written,
                                         and the name of the first such thing; None where nothing was; pure
    plan       task                   -> the calls to make; pure, so that every mode can show it
    warning    task                   -> what a person should know before approving the plan, as a sentence:
                                         what may keep it from being done, what it costs; None where nothing is; pure
    prepare    task                   -> what apply needs and the baseline does not cover (a quarantine group)
    approval_check
               task, prepared, policy -> why a person has to approve first, whatever the rule says; pure
    apply      task, prepared         -> a result with an outcome for each call; every call can be repeated
    verify     task, result           -> the result after reading back: is it so? Without it the result stands
    revert     task, result, host now -> compare-and-set restore, item by item; without it nothing is put back
    unfit      restored item          -> whether the item leaves the host unfit for service
    leaves     aftermath              -> the risks that are left; pure
    answers    aftermath              -> the risks that are not left, whichever step said so; pure
    isolation  result                 -> which interfaces are off the network; only one step has it; pure
    evidence   result                 -> the evidence that it kept, for the manifest; pure

    Example; the smallest step that does something::

        STEP = Step(
            name="mark", grants=GRANTS, release_grants=GRANTS, services=("ec2",),
            baseline=lambda host, observation: {"marked": False}, plan=plan, apply=apply, revert=revert,
        )
    """

    name: str
    grants: tuple[Grant, ...]
    release_grants: tuple[Grant, ...]
    services: tuple[str, ...]
    baseline: Callable[[Host, Future[O]], S]
    plan: Callable[[Task[O, S, R]], tuple[PlannedCall, ...]]
    apply: Callable[[Task[O, S, R], P], StepResult[R]]
    verify: Callable[[Task[O, S, R], StepResult[R]], StepResult[R]] | None = None
    revert: Callable[[Task[O, S, R], StepResult[R], Host], tuple[RestoredItem, ...]] | None = None
    observe: Callable[[Member], O] | None = None
    observe_early: Callable[[Member], object] | None = None
    observe_with_host: Callable[[Task[O, S, R]], O] | None = None
    warning: Callable[[Task[O, S, R]], str | None] | None = None
    prepare: Callable[[Task[O, S, R]], P] | None = None
    extend_baseline: Callable[[Host, Future[O], S], tuple[str, S] | None] | None = None
    approval_check: Callable[[Task[O, S, R], P, Policy], Iterable[Cap]] | None = None
    within: str = ""
    on: Callable[[Options], bool] = bool
    after: tuple[str, ...] = ()
    wait_seconds: float | None = None
    observe_seconds: float | None = None
    identity_grants: tuple[Grant, ...] = ()
    risks: tuple[Risk, ...] = ()
    outlives_host: bool = False
    returns_to_service: bool = False
    unfit: Callable[[RestoredItem], bool] | None = None
    leaves: Callable[[Aftermath[R]], Iterable[Risk]] | None = None
    answers: Callable[[Aftermath[R]], Iterable[Risk]] | None = None
    isolation: Callable[[StepResult[R]], Isolation] | None = None
    evidence: Callable[[StepResult[R]], Evidence] | None = None

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


AnyTask = Task[Any, Any, Any]
AnyStep = Step[Any, Any, Any, Any]
"""A step among others: the one place where the types of different steps meet."""


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


def conclude(name: str, items: list[ItemOutcome], receipt: R, *, nothing: str = "") -> StepResult[R]:
    """Sum the items up: failed if any failed (each gap named), skipped if there was nothing to do."""
    failed = [item for item in items if item.outcome is StepOutcome.FAILED]
    skipped = [item for item in items if item.outcome is StepOutcome.SKIPPED]
    if failed:
        reason = "; ".join(f"{item.what}: {item.reason}" for item in [*failed, *skipped])
        return StepResult(name, StepOutcome.FAILED, reason, failed[0].error, tuple(items), receipt=receipt)
    if skipped or not items:
        outcome = StepOutcome.DONE if len(skipped) < len(items) else StepOutcome.SKIPPED
        reason = "; ".join(f"{item.what}: {item.reason}" for item in skipped) or nothing
        return StepResult(name, outcome, reason, None, tuple(items), receipt=receipt)
    return StepResult(name, StepOutcome.DONE, "", None, tuple(items), receipt=receipt)


def read_back(task: AnyTask, result: StepResult[R], wrong: Callable[[], list[ItemOutcome]]) -> StepResult[R]:
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
