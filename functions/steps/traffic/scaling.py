# SPDX-License-Identifier: Apache-2.0
"""Leave the Auto Scaling group before the host is isolated, and come back to it when it is released.

An isolated host fails its health checks, and Auto Scaling then terminates the evidence: termination protection does
not keep it from that (Auto Scaling user guide, ec2-auto-scaling-instance-protection). So the request to leave is
answered before the first interface is swapped; whatever the answer, the host is isolated. A group's sizes are never
edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from functions.aws import errors
from functions.incident.model import ItemOutcome, PlannedCall, StepOutcome, StepResult
from functions.policy.model import Cap, Mode, Policy
from functions.steps.host import Host
from functions.steps.reading import read_until
from functions.steps.step import Section, Step, Task, UnobservedError, conclude, failed_item
from functions.steps.traffic.scaling_group import (
    COMING,
    DETACH,
    IN_SERVICE,
    IN_STANDBY,
    NAME,
    OUT,
    READS,
    REFUSED,
    STANDBY,
    Membership,
    changes,
    described,
    membership,
    names,
    title,
)
from functions.steps.traffic.scaling_return import revert

REPLACEMENT_ITEM = "without a replacement"

_OPERATIONS = {STANDBY: "EnterStandby", DETACH: "DetachInstances"}
_PAUSES_SECONDS = (1.0, 2.0, 4.0)

OBSERVE_SECONDS = 5.0
"""How long a baseline, and with it isolation, waits to be told of a group: else the host leaves it on another try."""

GRANTS = (*READS, *changes(*_OPERATIONS.values()))
RELEASE_GRANTS = (*READS, *changes("ExitStandby", "AttachInstances", "SetInstanceProtection"))


def baseline(host: Host, observed: Any) -> Section:
    """Keep the group, the state in it, and whether it was protected from scale-in."""
    del host
    if isinstance(observed, Exception):
        raise UnobservedError(observed)
    if observed is None:
        return {"group": None, "lifecycle": None, "protected": False}
    return {"group": observed.group, "lifecycle": observed.lifecycle, "protected": observed.protected}


def plan(task: Task) -> tuple[PlannedCall, ...]:
    """Return the one call for a member that is in service."""
    now = task.observed
    if not isinstance(now, Membership) or now.lifecycle != IN_SERVICE or now.group != task.section["group"]:
        return ()
    parameters = _leaving(task, decrement=not _replaced(task))
    return (PlannedCall(NAME, _OPERATIONS[_how(task)], parameters, "autoscaling"),)


def prepare(task: Task) -> Any:
    """Read the group with its sizes and its members; None without one, or the error that reading raised."""
    return described(task.member, task.observed.group) if isinstance(task.observed, Membership) else None


def approval_check(task: Task, prepared: Any, policy: Policy) -> Iterator[Cap]:
    """Ask where more of the group would be out of service at the same time than policy allows; one always may be."""
    now = task.observed
    if not isinstance(now, Membership) or now.lifecycle != IN_SERVICE or not isinstance(prepared, Mapping):
        return
    states = {each["InstanceId"]: each["LifecycleState"] for each in prepared.get("Instances", [])}
    out = [state for name, state in states.items() if state in OUT and name != task.host.id]
    # One in standby that was not replaced is off the desired capacity, and belongs to the group all the same.
    size = max(int(prepared["DesiredCapacity"]) + sum(state in IN_STANDBY for state in out), len(states))
    share = policy.limits.scaling_group_share
    if len(out) + 1 > max(1, size * share // 100):
        yield Cap(
            Mode.APPROVE,
            f"{len(out) + 1} of {size} instances of Auto Scaling group {now.group!r} would be out of it, which is "
            f"more than {share} per cent",
        )


def apply(task: Task, prepared: Any) -> StepResult:
    """Ask to leave, once; let isolation go on whatever the answer; then ask again while that may help."""
    now, group = task.observed, task.section["group"]
    if isinstance(now, Exception):
        return conclude(NAME, [failed_item(title(group), now)], {})
    if group is None and now is None:
        return conclude(NAME, [], {}, nothing="in no Auto Scaling group")
    if now is not None and now.group != group:
        reason = "joined after the baseline was taken, so it is not left"
        return conclude(NAME, [ItemOutcome(title(now.group), StepOutcome.FAILED, reason, "NoBaseline")], {})
    if now is None or now.lifecycle in OUT:
        state = now.lifecycle if now is not None else "detached"
        item = ItemOutcome(title(group), StepOutcome.DONE, f"out of service already ({state})")
        return conclude(NAME, [item], _found_out(task, now))
    if now.lifecycle != IN_SERVICE:
        # One that is about to be in service is worth another try; no other state leads there.
        reason = f"{now.lifecycle}: Auto Scaling lets only instances that are {IN_SERVICE} leave"
        coming = now.lifecycle in COMING
        item = ItemOutcome(title(group), StepOutcome.FAILED, reason, "LifecycleState", transient=coming)
        return conclude(NAME, [item], {})
    return _leave(task, prepared if isinstance(prepared, Mapping) else None)


def verify(task: Task, result: StepResult) -> StepResult:
    """Read the state back: out of service, or out of the group; where it is so, it doesn't matter what failed."""
    group = task.section["group"]
    if not result.items or group is None:
        return result
    failed = result.outcome is StepOutcome.FAILED
    read = partial(membership, task.member)
    now = read() if failed else read_until(task.member.clock, read, partial(_out, task))
    others = [item for item in result.items if item.what != title(group)]
    if _out(task, now):
        done = [item for item in result.items if item.what == title(group) and item.outcome is StepOutcome.DONE]
        items = [*(done or [ItemOutcome(title(group), StepOutcome.DONE, "read back as out of service")]), *others]
        return conclude(NAME, items, {**_found_out(task, now), **result.receipt})
    if failed:
        return result
    if isinstance(now, Exception):
        return conclude(NAME, [failed_item(title(group), now), *others], result.receipt)
    reason = f"read back as {now.lifecycle}" if now is not None else "not read back"
    wrong = ItemOutcome(title(group), StepOutcome.FAILED, reason, "NotInEffect", transient=True)
    return conclude(NAME, [wrong, *others], result.receipt)


def _how(task: Task) -> str:
    return str(task.options.get("leave") or STANDBY)


def _replaced(task: Task) -> bool:
    return task.options.get("replace") is not False


def _leaving(task: Task, *, decrement: bool) -> dict[str, Any]:
    return {**names(task), "ShouldDecrementDesiredCapacity": decrement}


def _leave(task: Task, sizes: Mapping[str, Any] | None) -> StepResult:
    decrement, notes = not _replaced(task), []
    if decrement and sizes is not None and int(sizes["DesiredCapacity"]) - 1 < int(sizes["MinSize"]):
        decrement = False
        notes = [_not_smaller(f"the group is at its MinSize of {sizes['MinSize']}")]
    failures = [_request(task, decrement=decrement)]
    if decrement and failures[0] is not None and errors.code(failures[0]) == REFUSED:
        # The sizes were not read, or changed since: leaving counts more than the size that was asked for.
        decrement = False
        notes = [_not_smaller(errors.message(failures[0]))]
        failures.append(_request(task, decrement=False))
    task.allow_next()
    for pause in _PAUSES_SECONDS:
        if failures[-1] is None or not errors.transient(failures[-1]):
            break
        task.member.clock.sleep(pause)
        # The request may have taken effect although its answer never came.
        failures.append(None if _out(task, membership(task.member)) else _request(task, decrement=decrement))
    last = failures[-1]
    made = last is None or any(error is not None and errors.ambiguous(error) for error in failures)
    receipt = {"left": _how(task), "replaced": not decrement} if made else {"refused": True}
    what = title(task.section["group"])
    item = ItemOutcome(what, StepOutcome.DONE) if last is None else failed_item(what, last)
    return conclude(NAME, [item, *notes], receipt)


def _not_smaller(why: str) -> ItemOutcome:
    return ItemOutcome(REPLACEMENT_ITEM, StepOutcome.SKIPPED, f"{why}, so Auto Scaling launches a replacement")


def _request(task: Task, *, decrement: bool) -> Exception | None:
    client = task.member.client("autoscaling")
    call = client.enter_standby if _how(task) == STANDBY else client.detach_instances
    try:
        call(**_leaving(task, decrement=decrement))
    except errors.AwsError as error:
        return error
    return None


def _out(task: Task, now: Membership | Exception | None) -> bool:
    """Tell whether the host is out of the group of the baseline, or out of service in it."""
    if isinstance(now, Exception):
        return False
    return now is None or (now.group == task.section["group"] and now.lifecycle in OUT)


def _found_out(task: Task, now: Membership | Exception | None) -> dict[str, Any]:
    """Return the receipt for a host that is found out of service: ours, where it was in service before."""
    if task.section["lifecycle"] in OUT:
        return {}
    how = STANDBY if isinstance(now, Membership) and now.lifecycle in IN_STANDBY else DETACH
    return {"left": how} if how == task.receipt.get("left", _how(task)) else {}


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    observe=membership,
    observe_seconds=OBSERVE_SECONDS,
    baseline=baseline,
    plan=plan,
    prepare=prepare,
    approval_check=approval_check,
    apply=apply,
    verify=verify,
    revert=revert,
)
