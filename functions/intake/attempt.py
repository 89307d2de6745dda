# SPDX-License-Identifier: Apache-2.0
"""One attempt at a host: enter the account, observe the host, decide, and act as far as the decision goes.

The attempt has the lease on the host. It acts once more where a finding comes in that asks for more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from functions.aws import errors
from functions.containment.contain import contain
from functions.containment.errors import ApprovalNeededError
from functions.containment.job import Job, prepare_job
from functions.containment.observation import Observation, observe_host
from functions.containment.verdict import judge, on_network
from functions.context import MEMBER_CREDENTIALS, MemberCredentials
from functions.incident.errors import LimitReachedError
from functions.incident.model import AnyResult, Claim, Conclusion, Incident, PlannedCall, RestoredItem, State
from functions.incident.store import Counter
from functions.intake.case import Case, assume
from functions.intake.result import Outcome
from functions.merge import take_latest
from functions.organization.control import ORGANIZATION
from functions.policy import decide
from functions.policy.model import Decision, Mode, Policy, Provisional, Usage
from functions.steps import registry
from functions.steps.host import Host
from functions.steps.step import Member

_BY_MODE = {
    Mode.OFF: (State.CLOSED, Outcome.IGNORED),
    Mode.OBSERVE: (State.OBSERVED, Outcome.OBSERVED),
    Mode.APPROVE: (State.AWAITING_APPROVAL, Outcome.AWAITING_APPROVAL),
}
_UNSAID = RestoredItem("release", "the host", restored=False, reason="the release did not end", retry=True)
"""What stands for a release that died before it could tell."""

_USUAL_STATE = "running"


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """How an attempt ended. ``retry`` is why the message has to come again, or None."""

    conclusion: Conclusion
    outcome: Outcome
    retry: str | None = None


class Attempt:
    """One attempt at one incident. ``record`` is what earlier attempts left."""

    def __init__(
        self, case: Case, incident: str, record: Incident | None, assumed: AssumedRole, *, resumed: bool
    ) -> None:
        self._case = case
        self._incident = incident
        self._record = record
        self._assumed = assumed
        self._resumed = resumed
        self._claimed_at = case.services.runtime.clock.now()

    def act(self, claim: Claim, top: Provisional) -> AttemptResult:
        """Act on the strictest of what is unseen, as far as what holds right now allows."""
        case = self._case
        policy = case.policy
        if policy is None:
            reason = f"there is no valid policy, so nothing is done: {case.in_force.problem}"
            return self._recorded_only(top, Mode.OBSERVE, reason)
        mode = top.mode
        for cap in case.caps:
            mode = mode.at_most(cap.mode)
        entered = self._enter(mode)
        if isinstance(entered, Exception):
            return self._no_way_in(top, mode, f"the member role can't be assumed: {errors.message(entered)}")
        MEMBER_CREDENTIALS.set(entered)
        member = case.member(self._incident)
        try:
            observation = observe_host(member, registry.STEPS)
        except errors.AwsError as error:
            return self._no_way_in(top, mode, f"the instance can't be described: {errors.message(error)}")
        if observation.gone or observation.host is None:
            reason = f"instance {case.target.instance} {observation.gone}: there is nothing to contain"
            decision = _as_decision(top, Mode.OFF, reason)
            return self._keeping_steps(self._result(State.CLOSED, Outcome.IGNORED, decision, reason))
        decision = self._decide(claim, top, policy, observation.host)
        users = _users(claim, decision.mode)
        job = self._job(member, observation.host, observation, decision, users)
        if decision.mode is Mode.ENFORCE:
            return self._act(claim, decision, job, observation.host, policy, users)
        return self._end_without_acting(decision, job, observation.host)

    def note_record(self, record: Incident | None) -> None:
        """Take note of the record as it stands after this attempt has acted."""
        self._record, self._resumed = record, True

    @property
    def _begun(self) -> bool:
        """Whether a baseline stands: then the host may have been changed, whatever else is recorded."""
        return self._record is not None and bool(self._record.baseline)

    @property
    def _put_back(self) -> bool:
        """Whether the host is as it was, in part at least: released, and not contained again since."""
        record = self._record
        return record is not None and (record.state is State.RELEASING or bool(record.release))

    def _enter(self, mode: Mode) -> MemberCredentials | Exception:
        """Return credentials for this incident that are fit for the mode, assuming the role again if need be."""
        assumed = self._assumed
        if assumed.incident != self._incident or assumed.mode.rank < mode.rank:
            credentials = assume(self._case.services, self._case.target, self._incident, mode)
            self._assumed = AssumedRole(self._incident, mode, credentials)
        return self._assumed.credentials

    def _decide(self, claim: Claim, top: Provisional, policy: Policy, host: Host) -> Decision:
        case, services = self._case, self._case.services
        now = services.runtime.clock.now()
        usage = Usage()
        if not self._begun:  # else it was counted when it began
            # The scaling group's is counted where the baseline is written: reading it first would cost a round trip.
            usage = case.facts.usage
        released_at = claim.released_at if claim.after_release else None
        decision = decide.final(top, case.target, policy, host.facts, usage, now, released_at=released_at)
        for cap in case.caps:
            if decision.mode.rank > cap.mode.rank:
                decision = _lowered(decision, cap.mode, cap.reason)
        ceiling = services.settings.ceiling_per_hour
        if not self._begun and case.facts.organization_usage >= ceiling and decision.mode is Mode.ENFORCE:
            reason = f"the organisation's ceiling of {ceiling} containments an hour is reached"
            return _lowered(decision, Mode.APPROVE, reason)
        return decision

    def _job(
        self, member: Member, host: Host, observation: Observation, decision: Decision, users: Mapping[str, str]
    ) -> Job:
        baseline = self._record.baseline if self._record else {}
        receipts = {step.name: step.receipt for step in self._record.steps} if self._record else {}
        return prepare_job(
            member,
            host,
            observation,
            decision,
            steps=registry.STEPS,
            baseline=baseline,
            resumed=self._resumed,
            receipts=receipts,
            users=users,
        )

    def _act(
        self, claim: Claim, decision: Decision, job: Job, host: Host, policy: Policy, users: Mapping[str, str]
    ) -> AttemptResult:
        case, services = self._case, self._case.services
        counters = [] if self._begun else _counters(case, host, policy)
        write_baseline = partial(
            services.store.begin_containment,
            self._incident,
            case.target,
            decision,
            case.holder,
            sections=job.sections,
            counters=counters,
        )
        write_section = partial(services.store.write_section, self._incident, holder=case.holder)
        # Also where every section comes late: what is changed has to be counted, and visible as begun.
        beginning = bool(job.sections) or (bool(job.tasks) and not self._begun)
        try:
            results = contain(services.runtime, job, write_baseline if beginning else _nothing, write_section, policy)
        except LimitReachedError as error:
            return self._end_without_acting(_lowered(decision, Mode.APPROVE, str(error)), job, host)
        except ApprovalNeededError as error:
            if beginning and not self._begun:
                services.store.cancel_containment(self._incident, case.holder, sections=job.sections, counters=counters)
            return self._end_without_acting(_lowered(decision, error.cap.mode, str(error)), job, host)
        types = {each for unseen in claim.unseen.values() for each in unseen.types}
        types.update(self._record.types if self._record else ())
        verdict = judge(results, types, host, tuple(users))
        waiting = [step.name for step in results if step.transient]
        retry = f"{', '.join(waiting)} may still succeed: {verdict.reason}" if waiting else None
        result = self._result(verdict.state, Outcome.ACTED, decision, _with_state(host, verdict.reason), job.plan)
        clocks = dict(result.conclusion.clocks)
        if not on_network(verdict.residual_risk):
            clocks.setdefault("isolated", services.runtime.clock.now())
        conclusion = replace(
            result.conclusion,
            steps=tuple(_with_earlier_receipt(step, self._record) for step in results),
            residual_risk=verdict.residual_risk,
            clocks=clocks,
            unfinished=retry is not None,
        )
        return replace(result, conclusion=conclusion, retry=retry)

    def _end_without_acting(self, decision: Decision, job: Job, host: Host) -> AttemptResult:
        """End without acting: observed, or waiting for approval, with the plan of what would be done."""
        state, outcome = _BY_MODE[decision.mode]
        reason = "; ".join(decision.reasons) or f"rule {decision.rule!r} is in mode {decision.mode.value}"
        result = self._result(state, outcome, decision, _with_state(host, reason), job.plan)
        return self._stopped(replace(result, conclusion=replace(result.conclusion, steps=job.planned)))

    def _recorded_only(self, top: Provisional, mode: Mode, reason: str) -> AttemptResult:
        state, outcome = _BY_MODE[mode]
        return self._stopped(self._result(state, outcome, _as_decision(top, mode, reason), reason))

    def _no_way_in(self, top: Provisional, mode: Mode, reason: str) -> AttemptResult:
        """End without having seen the host. An enforcing rule wants another try; others are recorded unplanned."""
        if mode is not Mode.ENFORCE:
            reasons = [*top.reasons, f"recorded without a plan, because {reason}"]
            return self._recorded_only(top, mode, "; ".join(reasons))
        state = State.PARTIAL if self._begun else State.FAILED
        if self._put_back and self._record is not None:
            state = self._record.state
        result = self._result(state, Outcome.ACTED, _as_decision(top, mode, reason), f"nothing could be done: {reason}")
        result = self._keeping_steps(result)
        return replace(result, conclusion=replace(result.conclusion, unfinished=True), retry=reason)

    def _stopped(self, result: AttemptResult) -> AttemptResult:
        """Mind what earlier attempts did: a host that may be changed stays in a state that can be released."""
        if not self._begun or self._record is None:
            return result
        result = self._keeping_steps(result)
        if self._put_back:
            return result  # what comes after a release is for people to say
        reason = f"containment was stopped half-way: {result.conclusion.reason}"
        return replace(result, conclusion=replace(result.conclusion, state=State.PARTIAL, reason=reason))

    def _keeping_steps(self, result: AttemptResult) -> AttemptResult:
        """Keep what earlier attempts recorded of their steps: a release needs it."""
        if not self._begun or self._record is None:
            return result
        release = self._record.release or (_UNSAID,) if self._put_back else ()
        kept = replace(
            result.conclusion, steps=self._record.steps, residual_risk=self._record.residual_risk, release=release
        )
        return replace(result, conclusion=kept)

    def _result(
        self, state: State, outcome: Outcome, decision: Decision, reason: str, plan: tuple[PlannedCall, ...] = ()
    ) -> AttemptResult:
        case = self._case
        now = case.services.runtime.clock.now()
        clocks: dict[str, datetime] = dict(self._record.clocks) if self._record else {}
        clocks.setdefault("received", case.message.received_at)
        clocks.setdefault("claimed", self._claimed_at)
        record = self._record
        if record is not None and (record.mode.rank < decision.mode.rank or self._put_back):
            # A stricter finding raises the response: its own time counts. A further try of the same never does.
            clocks.update({"received": case.message.received_at, "claimed": self._claimed_at})
            clocks.pop("isolated", None)
        for name, at in (("first_seen", case.finding.first_seen_at), ("created", case.finding.created_at)):
            if at is not None:
                clocks.setdefault(name, at)
        told = f"{decision.mode.value} by rule {decision.rule} ({decision.origin}): {reason}"
        conclusion = Conclusion(
            state=state,
            mode=decision.mode,
            decision=decision,
            reason=reason,
            plan=plan,
            clocks=clocks,
            timeline=((self._claimed_at, f"claimed for {case.finding.id}"), (now, told)),
        )
        return AttemptResult(conclusion, outcome)


@dataclass(frozen=True, slots=True)
class AssumedRole:
    """Credentials in hand: for which incident and which mode they were assumed."""

    incident: str
    mode: Mode
    credentials: MemberCredentials | Exception


def _nothing() -> None:
    """Begin nothing: every section of the baseline stands already."""


def _scaling_scope(case: Case, host: Host) -> str | None:
    group = host.facts.scaling_group
    return f"{case.target.account}#{case.target.region}#{group}" if group else None


def _counters(case: Case, host: Host, policy: Policy) -> list[Counter]:
    counters = [
        Counter(case.target.account, policy.limits.per_account_hour),
        Counter(ORGANIZATION, case.services.settings.ceiling_per_hour),
    ]
    scope = _scaling_scope(case, host)
    if scope is not None:
        told = f"scaling group {host.facts.scaling_group!r}"
        counters.append(Counter(scope, policy.limits.per_scaling_group_hour, told))
    return counters


def _users(claim: Claim, mode: Mode) -> dict[str, str]:
    """Return the users that the unseen findings name, with why not for one that only weaker findings name."""
    strictest: dict[str, Mode] = {}
    for each in (unseen.provisional for unseen in claim.unseen.values()):
        for user in each.users:
            strictest[user] = max(each.mode, strictest.get(user, each.mode), key=lambda found: found.rank)
    return {
        user: "" if found.rank >= mode.rank else f"named only by a finding whose rule is in mode {found.value}"
        for user, found in strictest.items()
    }


def _as_decision(top: Provisional, mode: Mode, reason: str) -> Decision:
    return Decision(top.finding_id, mode, top.rule, top.origin, top.bundle, (*top.reasons, reason), {})


def _lowered(decision: Decision, mode: Mode, reason: str) -> Decision:
    told = f"{decision.mode.value} is lowered to {mode.value}: {reason}"
    return replace(decision, mode=decision.mode.at_most(mode), reasons=(*decision.reasons, told))


def _with_state(host: Host, reason: str) -> str:
    return reason if host.state == _USUAL_STATE else f"the instance is {host.state}; {reason}"


def _with_earlier_receipt(result: AnyResult, record: Incident | None) -> AnyResult:
    """Keep what an earlier attempt is known to have changed: a release needs all of it."""
    earlier = next((step for step in record.steps if step.name == result.name), None) if record else None
    return replace(result, receipt=take_latest(earlier.receipt, result.receipt)) if earlier else result
