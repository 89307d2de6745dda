# SPDX-License-Identifier: Apache-2.0
"""The work of the lease's holder: the strictest unseen finding decides, until nothing is unseen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from functions import log
from functions.containment.verdict import own_channel
from functions.incident.model import Claim, Conclusion, Incident, State
from functions.intake.attempt import AssumedRole, Attempt, AttemptResult
from functions.intake.case import Case
from functions.intake.result import Outcome, RetryError, TargetResult
from functions.notify import place
from functions.policy import decide
from functions.policy.model import Provisional

_UNSETTLED = {State.PARTIAL, State.FAILED, State.CLOSED}
"""States that a further finding of the same mode looks at anew."""

_ACTED = {State.CONTAINED, State.PARTIAL}
"""States in which a user whom a further finding names is still to be acted on."""


def work(case: Case, claim: Claim, assumed: AssumedRole, *, new: bool) -> TargetResult:
    """Work on a target whose lease is ours until the lease is given back; return what became of it.

    Raises RetryError when something failed that may succeed later: it is recorded, and the message comes again.
    """
    services, incident = case.services, claim.incident
    saving = case.save_finding(incident, new=new)
    record = None if new else services.store.load(incident)
    attempt = Attempt(case, incident, record, assumed, resumed=not new)
    result = _first_result(attempt, claim, record)
    unsaved = case.note_saved(incident, saving.result())
    if unsaved:
        result = _noting(result, unsaved)
    result = _documented(case, incident, result, record)
    result = _tell(case, incident, result, record)  # before the record closes: rather told twice than never
    while True:
        left = services.store.conclude(incident, case.target, case.holder, claim, result.conclusion)
        if left is None:
            break
        claim = left  # findings came in meanwhile
        further = _calls_for_more(claim, result.conclusion, result.conclusion.residual_risk or _risks(record))
        if further:
            attempt.note_record(_with_steps(services.store.load(incident), result.conclusion))
            result = attempt.act(claim, _top(claim))
        result = _documented(case, incident, result, record)
        if further:
            result = _tell(case, incident, result, record)
    if result.retry is not None:
        raise RetryError(result.retry)
    return TargetResult(case.target, result.outcome, _sentence(result), incident)


def _first_result(attempt: Attempt, claim: Claim, record: Incident | None) -> AttemptResult:
    top = _top(claim)
    if record is None or claim.unfinished:
        return attempt.act(claim, top)
    unsettled = claim.state in _UNSETTLED and top.mode.rank == claim.mode.rank
    if not unsettled and not _calls_for_more(claim, claim, _risks(record)):
        return _merge(claim)
    result = attempt.act(claim, top)
    rank = result.conclusion.mode.rank
    if rank < claim.mode.rank:
        return _merge(claim)
    if rank == claim.mode.rank and result.outcome is not Outcome.IGNORED:
        return AttemptResult(result.conclusion, Outcome.MERGED, result.retry)  # looked at anew, and nothing was raised
    return result


def _with_steps(record: Incident | None, done: Conclusion) -> Incident | None:
    """Add what an attempt did whose conclusion was not written, because a finding came in."""
    return replace(record, steps=done.steps) if record is not None and done.steps else record


def _risks(record: Incident | None) -> tuple[str, ...]:
    return record.residual_risk if record is not None else ()


def _documented(case: Case, incident: str, result: AttemptResult, record: Incident | None) -> AttemptResult:
    """Write the manifest of what is evidence by now, where a containment has begun; note it where that can't be."""
    if result.outcome is not Outcome.ACTED and (record is None or not record.baseline):
        return result
    gap = case.save_manifest(incident, result.conclusion.steps)
    return _noting(result, gap) if gap else result


def _noting(result: AttemptResult, gap: str) -> AttemptResult:
    """Add a gap beside the containment to the reason that is recorded."""
    if result.conclusion.decision is None:
        return result
    return replace(result, conclusion=replace(result.conclusion, reason=f"{result.conclusion.reason}; {gap}"))


def _calls_for_more(claim: Claim, stands: Claim | Conclusion, risks: tuple[str, ...]) -> bool:
    """Tell whether what is unseen asks for more than stands.

    That is a stricter mode, an IAM user behind a contained host, or a channel that is not cut.
    """
    if _top(claim).mode.rank > stands.mode.rank:
        return True
    named = [each.provisional for each in claim.unseen.values() if each.provisional.users]
    if stands.state in _ACTED and any(each.mode.rank >= stands.mode.rank for each in named):
        return True
    types = {each for unseen in claim.unseen.values() for each in unseen.types}
    return stands.state is State.CONTAINED and own_channel(types, risks) is not None


def _sentence(result: AttemptResult) -> str:
    """Say what was done and by which line of policy."""
    conclusion = result.conclusion
    if result.outcome is not Outcome.ACTED or conclusion.decision is None:
        return conclusion.reason
    rule, origin = conclusion.decision.rule, conclusion.decision.origin
    return f"{conclusion.state.value} by rule {rule!r} ({origin}): {conclusion.reason}"


def _top(claim: Claim) -> Provisional:
    return decide.strictest([unseen.provisional for unseen in claim.unseen.values()])


def _merge(claim: Claim) -> AttemptResult:
    """End by adding the finding alone: state and record stay as they are."""
    reason = f"a further finding on a host that {claim.incident} has in hand ({claim.state.value})"
    return AttemptResult(Conclusion(claim.state, claim.mode, None, reason), Outcome.MERGED)


def _tell(case: Case, incident: str, result: AttemptResult, record: Incident | None) -> AttemptResult:
    """Log the decision and every step, and tell people unless nothing happened that they don't know.

    Returns the result, with the gap in its reason where they could not be told.
    """
    conclusion, decision, target = result.conclusion, result.conclusion.decision, case.target
    where: dict[str, Any] = {"account": target.account, "region": target.region, "instance": target.instance}
    log.write(
        "decision",
        **where,
        outcome=result.outcome.value,
        state=conclusion.state.value,
        mode=conclusion.mode.value,
        rule=decision.rule if decision else None,
        origin=decision.origin if decision else None,
        bundle=decision.bundle if decision else None,
        reason=conclusion.reason,
    )
    for step in conclusion.steps:
        log.write("step", **where, step=step.name, outcome=step.outcome.value, reason=step.reason, error=step.error)
    if decision is None or result.outcome is Outcome.MERGED:
        return result
    if record is not None and (record.state, record.reason) == (conclusion.state, conclusion.reason):
        return result  # a further try that came no further
    told = case.services.notifier.tell(
        f"{conclusion.state.value}: {target.instance} in {target.account}",
        {
            "What": f"{result.outcome.value}, the incident is {conclusion.state.value}",
            **place(target),
            "Incident": incident,
            "Finding": f"{case.finding.type} ({case.finding.severity.label.value}): {case.finding.title}",
            "Why": conclusion.reason,
            "Rule": f"{decision.rule} ({decision.origin})" if decision.rule else "",
            "Residual risk": ", ".join(conclusion.residual_risk),
        },
    )
    return result if told else _noting(result, "people could not be told")
