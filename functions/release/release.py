# SPDX-License-Identifier: Apache-2.0
"""Release an incident's host: restore exactly what the baseline says, where it still is as Cordon set it.

What somebody else changed in the meantime is left alone and named. Evidence is kept. The host is put back by the
release role, which only this code assumes.
"""

from __future__ import annotations

from concurrent.futures import Future
from contextvars import copy_context
from datetime import datetime
from functools import partial

from functions import log
from functions.aws import errors
from functions.containment.baseline import section_of
from functions.containment.errors import item_of
from functions.containment.observation import GONE_STATES
from functions.context import INCIDENT, MEMBER_CREDENTIALS
from functions.incident.errors import RecordError
from functions.incident.model import (
    AnyResult,
    Claim,
    Conclusion,
    Incident,
    LeaseHolder,
    RestoredItem,
    State,
    StepOutcome,
    StepResult,
)
from functions.notify import place
from functions.organization.control import ControlError
from functions.policy.model import Decision, Mode
from functions.refusal import refuse
from functions.services import Services
from functions.steps.host import Host, describe
from functions.steps.registry import release_actions, released_in_order
from functions.steps.step import AnyStep, AnyTask, Member, Section, Task

WITHHELD = "not brought back into service while the network, the role or the profile is not as it was"
_GONE = RestoredItem("release", "the host", restored=True, reason="no longer exists")


class ReleaseError(Exception):
    """The incident can't be released now; the text says why.

    Nothing was changed by this call, unless the text says that the host was put back and it could not be recorded.
    """


def release(services: Services, incident: str, *, by: str) -> Incident:
    """Release an incident's host and return the record as it then stands.

    The state ends as ``released``, or as ``releasing`` when an item could not be put back now: then the release can be
    run again. What somebody else changed or took away is named and left to them. Raises ReleaseError, or what the
    hub's own stores raise.
    """
    return copy_context().run(_release, services, incident, by)


def _release(services: Services, incident: str, by: str) -> Incident:
    INCIDENT.set(incident)
    try:
        record = services.store.load(incident)
    except RecordError as error:
        refuse(services, error, target=None, holder=_holder(services, by), notify=True)
        raise ReleaseError(f"{incident} can't be released: {error}") from error
    if record is None:
        raise ReleaseError(f"there is no incident {incident}")
    # One that was closed, because its host was found gone, may still use a shared role or user.
    if record.state is State.RELEASED or not record.baseline:
        raise ReleaseError(f"{incident} is {record.state.value}: there is nothing to release")
    holder = _holder(services, by)
    try:
        return _released(services, record, holder, by)
    except RecordError as error:
        refuse(services, error, target=record.target, holder=holder, notify=True)
        raise ReleaseError(f"{incident} can't be released: {error}") from error


def _holder(services: Services, by: str) -> LeaseHolder:
    return LeaseHolder(services.runtime.token(), f"release by {by}")


def _released(services: Services, record: Incident, holder: LeaseHolder, by: str) -> Incident:
    """Take the lease and put the host back. Raises ReleaseError and RecordError."""
    incident = record.id
    claim = services.claims.lease(record.target, incident, holder)
    if claim is None:
        raise ReleaseError(f"{incident} is being worked on, or the host is in another incident now")
    try:
        member, now = _enter(services, record)
    except (ControlError, *errors.AwsError) as error:
        _give_back(services, record, holder, claim)
        text = errors.message(error) if isinstance(error, errors.AwsError) else str(error)
        raise ReleaseError(f"{incident} can't be released: {text}") from error
    services.heads.begin_release(incident, record.target, holder)
    items = _restore(member, now, record)
    left = [item for item in items if not item.restored]
    state = State.RELEASING if any(item.retry for item in left) else State.RELEASED
    reason = f"released by {by}: {len(items) - len(left)} of {len(items)} items restored"
    if left:
        reason += "; not restored: " + "; ".join(f"{item.what}: {item.reason}" for item in left)
    log.write("release", outcome=state.value, reason=reason, by=by, instance=record.target.instance)
    services.notifier.tell(
        f"{state.value}: {record.target.instance} in {record.target.account}",
        {"What": reason, **place(record.target), "Incident": incident},
    )
    try:
        _conclude(
            services, record, holder, claim, _conclusion(record, state, reason, items, services.runtime.clock.now())
        )
    except RecordError as error:
        refuse(services, error, target=record.target, holder=holder, notify=True)
        raise ReleaseError(f"{reason}; {incident} could not be recorded as {state.value}: {error}") from error
    return services.store.load(incident) or record


def _conclude(services: Services, record: Incident, holder: LeaseHolder, claim: Claim, conclusion: Conclusion) -> None:
    current: Claim | None = claim
    while current is not None:
        # What came in before the release counts as seen; later activity waits until the lease is given back.
        current = services.store.conclude(record.id, record.target, holder, current, conclusion)


def _give_back(services: Services, record: Incident, holder: LeaseHolder, claim: Claim) -> None:
    """Give the lease back as it was taken: what waited for work waits on."""
    current: Claim | None = claim
    while current is not None:
        waiting = current.unfinished or bool(current.unseen)
        conclusion = Conclusion(claim.state, claim.mode, None, "", unfinished=waiting)
        current = services.store.conclude(record.id, record.target, holder, current, conclusion)


def _enter(services: Services, record: Incident) -> tuple[Member, Host | None]:
    """Enter the account as the release role and look at the host; changes nothing."""
    target = record.target
    MEMBER_CREDENTIALS.set(services.assume(target, record.id, purpose="release", actions=release_actions()))
    facts = services.records.facts(target, services.runtime.clock.now())
    member = Member(
        target=target,
        incident=record.id,
        qualifier=services.settings.qualifier,
        clients=services.clients,
        runtime=services.runtime,
        records=services.records,
        shared_resources=services.shared_resources,
        evidence=services.evidence(record.id),
        enter=partial(services.enter, target, record.id),
        groups=facts.groups,
        made=facts.made,
    )
    return member, describe(member.ec2, services.runtime.pool, target)


def _restore(member: Member, found: Host | None, record: Incident) -> tuple[RestoredItem, ...]:
    """Put back what the baseline covers, whether or not the step that changed it got to say so.

    Of a host that is gone, only what outlives it.
    """
    results = {result.name: result for result in record.steps}
    gone = found is None or found.state in GONE_STATES
    now = found or Host(
        record.target.instance, "terminated", None, None, spot=False, tags={}, interfaces=(), volumes=()
    )
    items: list[RestoredItem] = [_GONE] if gone else []
    fit = True
    for step in released_in_order():
        section = section_of(record.baseline, step.name)
        if section is None or step.revert is None or (gone and not step.outlives_host):
            continue
        if step.returns_to_service and any(section.values()) and not fit:
            items.append(RestoredItem(step.name, step.name, restored=False, reason=WITHHELD, retry=True))
            continue
        restored = _revert(step, member, now, section, results.get(step.name))
        # Without its network, or with credentials that may do nothing, the host fails its health check, and Auto
        # Scaling would terminate it.
        fit = fit and not (step.unfit is not None and any(map(step.unfit, restored)))
        items.extend(restored)
    return tuple(items)


def _revert(
    step: AnyStep, member: Member, now: Host, section: Section, result: AnyResult | None
) -> tuple[RestoredItem, ...]:
    """Put back what one step changed. This is where its errors end."""
    nothing: Future[None] = member.pool.promise()
    nothing.set_result(None)
    task: AnyTask = Task(member, now, {}, nothing, section, resumed=True, next_allowed=nothing, receipt={})
    unsaid: AnyResult = StepResult(step.name, StepOutcome.FAILED, "the attempt ended before it could say", receipt={})
    try:
        return step.revert(task, result or unsaid, now) if step.revert is not None else ()
    except Exception as error:  # noqa: BLE001 — the border between steps: the others are put back all the same
        item = item_of(step.name, error)
        return (RestoredItem(step.name, step.name, restored=False, reason=item.reason, retry=True),)


def _conclusion(
    record: Incident, state: State, reason: str, items: tuple[RestoredItem, ...], now: datetime
) -> Conclusion:
    return Conclusion(
        state=state,
        mode=record.mode if state is State.RELEASED else Mode.OFF,  # half put back: any later finding asks for more
        decision=Decision("", record.mode, record.rule, record.origin, record.bundle, (), {}),
        reason=reason,
        plan=record.plan,
        residual_risk=record.residual_risk,
        clocks={**record.clocks, "released": now} if state is State.RELEASED else record.clocks,
        timeline=((now, reason),),
        release=items,
    )
