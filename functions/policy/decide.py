# SPDX-License-Identifier: Apache-2.0
"""From a finding and a policy to a decision, in two halves, as data.

``provisional`` needs the finding and the event; ``final`` needs what ``provisional`` stored and the described instance.
Pure: no clock, no AWS. Everything after the rule's own mode can only lower it, and each lowering adds a sentence.
The final mode is never above the provisional one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from functions.finding.model import Direction, Finding, Target, Workflow
from functions.finding.users import users_of
from functions.policy.exceptions import fits_finding, fits_instance, lowered, needs_instance
from functions.policy.match import Matched, matching
from functions.policy.model import (
    Candidate,
    Cap,
    Decision,
    InstanceFacts,
    Mode,
    Policy,
    PolicyException,
    Provisional,
    Rule,
    Usage,
)

_SEQUENCE = "AttackSequence:"
_EKS_TAGS = ("eks:cluster-name",)
_EKS_TAG_PREFIXES = ("kubernetes.io/cluster/", "karpenter.sh/")

_AnyDecision = TypeVar("_AnyDecision", Provisional, Decision)


def provisional(
    finding: Finding,
    target: Target,
    policy: Policy,
    *,
    bundle: str,
    switched_off: tuple[str, ...],
    now: datetime,
    received_at: datetime,
    ceiling: Mode = Mode.ENFORCE,
    ceiling_reason: str = "",
) -> Provisional:
    """Decide what the finding alone can decide for one of its targets.

    ``switched_off`` names the scopes whose kill switch is thrown ("the organisation", "OU /Workloads"). ``received_at``
    is when EventBridge took the event. ``ceiling`` is the caller's own (hub and forensics accounts), with its reason.
    Both times have a time zone.
    """
    matched, problems = matching(finding, policy.rules)
    settled: list[PolicyException] = []
    waiting: list[str] = []
    notes = list(problems)
    for exception in policy.exceptions:
        fit = fits_finding(exception, finding, target, now)
        if fit.problem:
            notes.append(f"exception {exception.id!r} does not apply: its where failed ({fit.problem})")
        if not fit.applies:
            continue
        if needs_instance(exception):
            waiting.append(exception.id)
        else:
            settled.append(exception)
    caps = _caps(finding, switched_off, ceiling, ceiling_reason)
    if (now - received_at).total_seconds() > policy.max_age_seconds:
        hours = policy.max_age_seconds / 3600
        caps.append(Cap(Mode.APPROVE, f"the event is older than the {hours:g} hours after which people decide"))
    undecided = Provisional(
        finding_id=finding.id,
        mode=Mode.OFF,
        rule=None,
        origin=None,
        bundle=bundle,
        candidates=tuple(_candidate(match, finding, settled) for match in matched),
        caps=tuple(caps),
        withdrawn=_withdrawn(finding),
        notes=tuple(notes),
        open_exceptions=tuple(waiting),
        sequence_targets=len(finding.targets) if any(t.startswith(_SEQUENCE) for t in finding.types) else 0,
        active_at=finding.last_seen_at or finding.updated_at,
        users=users_of(finding.document),
    )
    if not matched:
        label = finding.severity.label.value
        reason = (
            f"no rule matches {', '.join(map(repr, finding.types)) or 'a finding without type'} at severity {label}"
        )
        return replace(undecided, reasons=(reason, *notes))
    winner, mode, reasons = _conclude(undecided.candidates, undecided.withdrawn, undecided.caps)
    return replace(undecided, mode=mode, rule=winner.rule, origin=winner.origin, reasons=(*reasons, *notes))


def final(
    provisional: Provisional,
    target: Target,
    policy: Policy,
    facts: InstanceFacts,
    usage: Usage,
    now: datetime,
    *,
    released_at: datetime | None = None,
) -> Decision:
    """Decide with the instance known, before the first mutation.

    ``policy`` is the one of the bundle that the provisional decision names; should it be another, a rule that is gone
    no longer counts and a lower mode of a rule applies. ``usage`` is counted before this containment. ``released_at``
    is when the target's last incident was released, if one was.
    """
    rules = {rule.id: rule for rule in policy.rules}
    waiting = [
        exception
        for exception in policy.exceptions
        if exception.id in provisional.open_exceptions and fits_instance(exception, target, facts, now)
    ]
    candidates = [
        _except(replace(candidate, mode=candidate.mode.at_most(rules[candidate.rule].mode)), waiting)
        for candidate in provisional.candidates
        if candidate.rule in rules
    ]
    if not candidates:
        reasons = provisional.reasons
        if provisional.candidates:
            reasons = (*reasons, f"rule {provisional.rule!r} is no longer in force")
        return _decision(provisional, Mode.OFF, None, reasons)
    caps = [*provisional.caps, *_instance_caps(provisional, policy, facts, usage, released_at)]
    winner, mode, reasons = _conclude(candidates, provisional.withdrawn, caps)
    return _decision(provisional, mode, rules[winner.rule], (*reasons, *provisional.notes), winner.origin)


def strictest(decisions: Sequence[_AnyDecision]) -> _AnyDecision:
    """Return the decision with the highest mode, the first of several; raise ValueError if there is none."""
    return max(decisions, key=lambda decision: decision.mode.rank)


def _decision(
    provisional: Provisional, mode: Mode, rule: Rule | None, reasons: tuple[str, ...], origin: str | None = None
) -> Decision:
    return Decision(
        finding_id=provisional.finding_id,
        mode=mode,
        rule=rule.id if rule else None,
        origin=origin,
        bundle=provisional.bundle,
        reasons=reasons,
        steps=rule.steps if rule else {},
    )


def _candidate(match: Matched, finding: Finding, exceptions: Iterable[PolicyException]) -> Candidate:
    rule = match.rule
    candidate = Candidate(rule.id, rule.origin, rule.mode)
    if finding.direction is not Direction.OUTBOUND and not match.exact:
        # An outsider can raise an inbound finding at will: acting on it by a wildcard hands them an off switch.
        reason = f"the activity is {_direction(finding)} and rule {rule.id!r} does not name the type exactly"
        candidate = _lower(candidate, Mode.OBSERVE, reason)
    return _except(candidate, exceptions)


def _direction(finding: Finding) -> str:
    return "inbound" if finding.direction is Direction.INBOUND else "of unknown direction"


def _except(candidate: Candidate, exceptions: Iterable[PolicyException]) -> Candidate:
    for exception in exceptions:
        if exception.rules and candidate.rule not in exception.rules:
            continue
        until = exception.until.isoformat()
        reason = f"exception {exception.id!r} until {until} ({exception.origin}): {exception.reason}"
        candidate = _lower(candidate, lowered(candidate.mode, exception), reason)
    return candidate


def _lower(candidate: Candidate, ceiling: Mode, reason: str) -> Candidate:
    if candidate.mode.rank <= ceiling.rank:
        return candidate
    told = (*candidate.reasons, _told(candidate.mode, ceiling, reason))
    return replace(candidate, mode=ceiling, reasons=told)


def _told(mode: Mode, ceiling: Mode, reason: str) -> str:
    return f"{mode.value} is lowered to {ceiling.value}: {reason}"


def _conclude(
    candidates: Sequence[Candidate], withdrawn: str | None, caps: Iterable[Cap]
) -> tuple[Candidate, Mode, tuple[str, ...]]:
    winner = max(candidates, key=lambda candidate: candidate.mode.rank)
    if withdrawn:
        # Members can set that state, so it never silently undoes an enforcing rule: a person has to approve.
        winner = _lower(winner, Mode.APPROVE if winner.mode is Mode.ENFORCE else Mode.OFF, withdrawn)
    for cap in caps:
        winner = _lower(winner, cap.mode, cap.reason)
    return winner, winner.mode, winner.reasons


def _withdrawn(finding: Finding) -> str | None:
    if finding.workflow in {Workflow.SUPPRESSED, Workflow.RESOLVED}:
        return f"the finding was marked {finding.workflow.value} in Security Hub"
    return None


def _caps(finding: Finding, switched_off: tuple[str, ...], ceiling: Mode, ceiling_reason: str) -> list[Cap]:
    caps = []
    if finding.closed:
        caps.append(Cap(Mode.OFF, "the finding is archived or closed"))
    if finding.sample:
        caps.append(Cap(Mode.OBSERVE, "a sample finding is planned, never enforced"))
    if switched_off:
        caps.append(Cap(Mode.OBSERVE, f"containment is switched off for {', '.join(switched_off)}"))
    if ceiling is not Mode.ENFORCE:
        caps.append(Cap(ceiling, ceiling_reason or "a ceiling outside the policy"))
    return caps


def _instance_caps(
    provisional: Provisional, policy: Policy, facts: InstanceFacts, usage: Usage, released_at: datetime | None
) -> Iterable[Cap]:
    limits = policy.limits
    if is_eks_node(facts.tags):
        yield Cap(policy.eks_nodes, "the instance is a node of an EKS cluster")
    if facts.appliance:
        yield Cap(policy.appliances, "the instance passes on others' traffic (source/destination check off)")
    if provisional.sequence_targets > limits.per_attack_sequence:
        reason = f"the attack sequence names {provisional.sequence_targets} instances, the limit is "
        yield Cap(Mode.APPROVE, f"{reason}{limits.per_attack_sequence}")
    if usage.account >= limits.per_account_hour:
        yield Cap(Mode.APPROVE, f"the account's limit of {limits.per_account_hour} containments an hour is used up")
    if facts.scaling_group is not None and usage.scaling_group >= limits.per_scaling_group_hour:
        limit = limits.per_scaling_group_hour
        yield Cap(Mode.APPROVE, f"the limit of {limit} containments an hour for {facts.scaling_group!r} is used up")
    if released_at is not None:
        if provisional.active_at is not None and provisional.active_at <= released_at:
            yield Cap(Mode.OFF, "the activity is older than the release of this instance")
        yield Cap(policy.after_release, "the instance was released from an earlier incident")


def is_eks_node(tags: Mapping[str, str]) -> bool:
    """Tell by its tags whether an instance is a node of an EKS cluster."""
    return any(key in _EKS_TAGS or key.startswith(_EKS_TAG_PREFIXES) for key in tags)
