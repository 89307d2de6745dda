# SPDX-License-Identifier: Apache-2.0
"""Leave the Auto Scaling group before the host is isolated, and come back to it when it is released.

An isolated host fails its health checks, and Auto Scaling then terminates the evidence: termination protection does
not keep it from that (Auto Scaling user guide, ec2-auto-scaling-instance-protection). So the request to leave is
answered before the first interface is swapped; whatever the answer, the host is isolated. A group's sizes are never
edited.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

from functions.aws import errors
from functions.incident.model import ItemOutcome, PlannedCall, StepOutcome
from functions.parallel import settle
from functions.policy.model import Cap, Mode, Policy
from functions.steps.host import Host
from functions.steps.reading import read_until
from functions.steps.risk import Aftermath, Risk
from functions.steps.step import Step, conclude, failed_item
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
    Receipt,
    Result,
    Section,
    Sizes,
    StepTask,
    changes,
    described,
    look,
    membership,
    names,
    title,
)
from functions.steps.traffic.scaling_return import revert

STILL_IN_SERVICE = Risk(
    "scaling-group",
    "the host is still in service in its Auto Scaling group, which may terminate it as unhealthy",
)

REPLACEMENT_ITEM = "without a replacement"

_OPERATIONS = {STANDBY: "EnterStandby", DETACH: "DetachInstances"}
_PAUSES_SECONDS = (1.0, 2.0, 4.0)

OBSERVE_SECONDS = 5.0
"""How long a baseline, and with it isolation, waits to be told of a group: else the host leaves it on another try."""

GRANTS = (*READS, *changes(*_OPERATIONS.values()))
RELEASE_GRANTS = (*READS, *changes("ExitStandby", "AttachInstances", "SetInstanceProtection"))


def baseline(_host: Host, observation: Future[Membership | None]) -> Section:
    """Keep the group, the state in it, and whether it was protected from scale-in."""
    found = observation.result()
    if found is None:
        return {"group": None, "lifecycle": None, "protected": False}
    return {"group": found.group, "lifecycle": found.lifecycle, "protected": found.protected}


def plan(task: StepTask) -> tuple[PlannedCall, ...]:
    """Return the one call for a member that is in service."""
    now = task.observed
    if now is None or now.lifecycle != IN_SERVICE or now.group != task.section["group"]:
        return ()
    parameters = _leaving(task, decrement=not _replaced(task))
    return (PlannedCall(NAME, _OPERATIONS[_how(task)], parameters, "autoscaling"),)


def prepare(task: StepTask) -> Future[Sizes | None]:
    """Read the group's sizes, and return the future, which has ended: without them the host is to leave all the same.

    None without a group.
    """
    sizes: Future[Sizes | None] = task.member.pool.promise()
    settle(sizes, partial(_sizes, task))
    return sizes


def approval_check(task: StepTask, prepared: Future[Sizes | None], policy: Policy) -> Iterator[Cap]:
    """Ask where more of the group would be out of service at the same time than policy allows; one always may be."""
    now, sizes = task.observed, prepared.result()
    if now is None or now.lifecycle != IN_SERVICE or sizes is None:
        return
    states = {each["InstanceId"]: each["LifecycleState"] for each in sizes.get("Instances", [])}
    out = [state for name, state in states.items() if state in OUT and name != task.host.id]
    # One in standby that was not replaced is off the desired capacity, and belongs to the group all the same.
    size = max(int(sizes["DesiredCapacity"]) + sum(state in IN_STANDBY for state in out), len(states))
    share = policy.limits.scaling_group_share
    if len(out) + 1 > max(1, size * share // 100):
        yield Cap(
            Mode.APPROVE,
            f"{len(out) + 1} of {size} instances of Auto Scaling group {now.group!r} would be out of it, which is "
            f"more than {share} per cent",
        )


def apply(task: StepTask, prepared: Future[Sizes | None]) -> Result:
    """Ask to leave, once; let isolation go on whatever the answer; then ask again while that may help."""
    group = task.section["group"]
    try:
        now = task.observed
    except (TimeoutError, *errors.AwsError) as error:
        return conclude(NAME, [failed_item(title(group), error)], {})
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
    return _leave(task, prepared)


def verify(task: StepTask, result: Result) -> Result:
    """Read the state back: out of service, or out of the group; where it is so, it doesn't matter what failed."""
    group = task.section["group"]
    if not result.items or group is None:
        return result
    failed = result.outcome is StepOutcome.FAILED
    read = partial(look, task.member)
    seen = read() if failed else read_until(task.member.clock, read, partial(_out, task))
    others = [item for item in result.items if item.what != title(group)]
    if _out(task, seen):
        done = [item for item in result.items if item.what == title(group) and item.outcome is StepOutcome.DONE]
        items = [*(done or [ItemOutcome(title(group), StepOutcome.DONE, "read back as out of service")]), *others]
        receipt: Receipt = {**_found_out(task, seen.result()), **result.receipt}
        return conclude(NAME, items, receipt)
    if failed:
        return result
    try:
        now = seen.result()
    except errors.AwsError as error:
        return conclude(NAME, [failed_item(title(group), error), *others], result.receipt)
    reason = f"read back as {now.lifecycle}" if now is not None else "not read back"
    wrong = ItemOutcome(title(group), StepOutcome.FAILED, reason, "NotInEffect", transient=True)
    return conclude(NAME, [wrong, *others], result.receipt)


def leaves(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    """Name the group that the host is in, unless the host was found, or brought, out of service in it."""
    result = aftermath.result
    out = result is not None and result.outcome is not StepOutcome.FAILED and not aftermath.switched_off
    if aftermath.host.facts.scaling_group is not None and not out:
        yield STILL_IN_SERVICE


def _sizes(task: StepTask) -> Sizes | None:
    now = task.observed
    return described(task.member, now.group) if now is not None else None


def _how(task: StepTask) -> str:
    return str(task.options.get("leave") or STANDBY)


def _replaced(task: StepTask) -> bool:
    return task.options.get("replace") is not False


def _leaving(task: StepTask, *, decrement: bool) -> dict[str, Any]:
    return {**names(task), "ShouldDecrementDesiredCapacity": decrement}


def _leave(task: StepTask, prepared: Future[Sizes | None]) -> Result:
    decrement, notes, failures = not _replaced(task), list[ItemOutcome](), list[BaseException]()
    if decrement and (why := _at_minimum(prepared)):
        decrement, notes = False, [_not_smaller(why)]
    left = _ask(task, failures, decrement=decrement)
    if decrement and not left and errors.code(failures[-1]) == REFUSED:
        # The sizes were not read, or changed since: leaving counts more than the size that was asked for.
        decrement, notes = False, [_not_smaller(errors.message(failures[-1]))]
        left = _ask(task, failures, decrement=False)
    task.allow_next()
    for pause in _PAUSES_SECONDS:
        if left or not errors.transient(failures[-1]):
            break
        task.member.clock.sleep(pause)
        # The request may have taken effect although its answer never came.
        left = _out(task, look(task.member)) or _ask(task, failures, decrement=decrement)
    made = left or any(errors.ambiguous(error) for error in failures)
    receipt: Receipt = {"left": _how(task), "replaced": not decrement} if made else {"refused": True}
    what = title(task.section["group"])
    item = ItemOutcome(what, StepOutcome.DONE) if left else failed_item(what, failures[-1])
    return conclude(NAME, [item, *notes], receipt)


def _at_minimum(prepared: Future[Sizes | None]) -> str:
    """Return why the group can't do with one less, as a clause, where the sizes that were read say so."""
    try:
        sizes = prepared.result()
    except errors.AwsError:
        return ""  # Auto Scaling refuses then
    if sizes is None or int(sizes["DesiredCapacity"]) - 1 >= int(sizes["MinSize"]):
        return ""
    return f"the group is at its MinSize of {sizes['MinSize']}"


def _not_smaller(why: str) -> ItemOutcome:
    return ItemOutcome(REPLACEMENT_ITEM, StepOutcome.SKIPPED, f"{why}, so Auto Scaling launches a replacement")


def _ask(task: StepTask, failures: list[BaseException], *, decrement: bool) -> bool:
    """Ask to leave, once, and tell whether that was granted; what it raised is added to the failures."""
    client = task.member.client("autoscaling")
    call = client.enter_standby if _how(task) == STANDBY else client.detach_instances
    try:
        call(**_leaving(task, decrement=decrement))
    except errors.AwsError as error:
        failures.append(error)
        return False
    return True


def _out(task: StepTask, seen: Future[Membership | None]) -> bool:
    """Tell whether the host is seen out of the group of the baseline, or out of service in it."""
    try:
        now = seen.result()
    except errors.AwsError:
        return False
    return now is None or (now.group == task.section["group"] and now.lifecycle in OUT)


def _found_out(task: StepTask, now: Membership | None) -> Receipt:
    """Return the receipt for a host that is found out of service: ours, where it was in service before."""
    if task.section["lifecycle"] in OUT:
        return {}
    how = STANDBY if now is not None and now.lifecycle in IN_STANDBY else DETACH
    return {"left": how} if how == task.receipt.get("left", _how(task)) else {}


STEP = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=RELEASE_GRANTS,
    services=("autoscaling",),
    observe=membership,
    observe_seconds=OBSERVE_SECONDS,
    baseline=baseline,
    plan=plan,
    prepare=prepare,
    approval_check=approval_check,
    apply=apply,
    verify=verify,
    revert=revert,
    risks=(STILL_IN_SERVICE,),
    returns_to_service=True,
    leaves=leaves,
)
