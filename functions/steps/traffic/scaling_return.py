# SPDX-License-Identifier: Apache-2.0
"""The way back into an Auto Scaling group, as a release takes it: only where the host left by Cordon, and only alive.

A host that comes back stopped fails its health check, and Auto Scaling terminates it; one that is still isolated never
gets this far. What the group's sizes forbid is left to people, with the command.
"""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial

from functions.aws import errors
from functions.aws.command import aws_command
from functions.incident.model import RestoredItem
from functions.steps.host import Host
from functions.steps.reading import read_until
from functions.steps.traffic.scaling_group import (
    COMING,
    DETACH,
    IN_SERVICE,
    IN_STANDBY,
    LEAVING,
    NAME,
    OUT,
    REFUSED,
    STANDBY,
    Membership,
    Result,
    Sizes,
    StepTask,
    described,
    look,
    membership,
    names,
    title,
)

_WAYS_BACK = {STANDBY: "ExitStandby", DETACH: "AttachInstances"}
_NOT_OURS = {
    STANDBY: "in standby, into which Cordon did not put it",
    DETACH: "no longer in the group, from which Cordon did not detach it",
}
_USUAL_STATE = "running"


def revert(task: StepTask, result: Result, now: Host) -> tuple[RestoredItem, ...]:
    """Bring the host back into service, if it is out of it as Cordon left it, with its protection from scale-in."""
    group = task.section["group"]
    if group is None:
        return ()
    try:
        seen = read_until(task.member.clock, partial(membership, task.member), _settled)
    except errors.AwsError as error:
        return (_left(group, errors.message(error), retry=True),)
    if task.section["lifecycle"] in OUT:
        return (RestoredItem(NAME, title(group), restored=True, reason="was out of service before, and is left so"),)
    if seen is not None and (seen.group != group or seen.lifecycle not in IN_STANDBY):
        return _elsewhere(task, group, result, seen)
    how = DETACH if seen is None else STANDBY
    if not _ours(result, how):
        return (_left(group, _NOT_OURS[how], _command(task, how)),)
    if seen is not None and seen.lifecycle in LEAVING:
        return (_left(group, f"still on its way out ({seen.lifecycle})", retry=True),)
    item = _brought_back(task, group, now, result, how)
    return (item, *_protected_again(task)) if item.restored and how == DETACH else (item,)


def _elsewhere(task: StepTask, group: str, result: Result, seen: Membership) -> tuple[RestoredItem, ...]:
    """Tell of a host that is in another group, or in its own neither in standby nor gone."""
    if seen.group != group:
        return (_left(group, f"in Auto Scaling group {seen.group!r} now"),)
    if seen.lifecycle == IN_SERVICE or seen.lifecycle in COMING:
        found = RestoredItem(NAME, title(group), restored=True, reason=f"found as it was ({seen.lifecycle})")
        # An earlier release may have attached the host and got no further.
        lost = task.section["protected"] and not seen.protected and result.receipt.get("left") == DETACH
        return (found, _protected(task)) if lost else (found,)
    if seen.lifecycle in LEAVING:
        return (_left(group, f"still on its way out ({seen.lifecycle})", retry=True),)
    return (_left(group, f"{seen.lifecycle}, which Cordon did not set"),)


def _settled(now: Membership | None) -> bool:
    return now is None or now.lifecycle not in LEAVING


def _ours(result: Result, how: str) -> bool:
    """Tell whether leaving in that way may be Cordon's doing: only what is known to be otherwise is not."""
    receipt = result.receipt
    return receipt["left"] == how if "left" in receipt else "refused" not in receipt


def _left(group: str, reason: str, command: str = "", *, retry: bool = False) -> RestoredItem:
    return RestoredItem(NAME, title(group), restored=False, reason=reason, retry=retry, command=command)


def _command(task: StepTask, how: str) -> str:
    return aws_command("autoscaling", _WAYS_BACK[how], names(task), task.member.target.region)


def _brought_back(task: StepTask, group: str, now: Host, result: Result, how: str) -> RestoredItem:
    """Put the host back into service, unless there is no way or Auto Scaling would terminate it there."""
    command = _command(task, how)
    try:
        sizes = described(task.member, group)
    except errors.AwsError as error:
        return _left(group, errors.message(error), command, retry=True)
    if sizes is None:
        return _left(group, "there is no such group any more")
    if now.state != _USUAL_STATE:
        reason = f"the host is {now.state}, and Auto Scaling terminates what does not run: start it first"
        return _left(group, reason, command)
    client = task.member.client("autoscaling")
    call = client.exit_standby if how == STANDBY else client.attach_instances
    try:
        call(**names(task))
    except errors.AwsError as error:
        if not _back(group, look(task.member)):  # else it took effect all the same
            return _refused(group, sizes, error, command)
    replaced = "replaced" in result.receipt and result.receipt["replaced"]
    stays = "its replacement stays, so the group has one instance more than before"
    return RestoredItem(NAME, title(group), restored=True, reason=stays if replaced else "")


def _back(group: str, seen: Future[Membership | None]) -> bool:
    """Tell whether the host is seen in service in its group, or about to be."""
    try:
        now = seen.result()
    except errors.AwsError:
        return False
    return now is not None and now.group == group and now.lifecycle in (IN_SERVICE, *COMING)


def _refused(group: str, sizes: Sizes, error: BaseException, command: str) -> RestoredItem:
    if errors.code(error) != REFUSED:
        return _left(group, errors.message(error), command, retry=True)
    if int(sizes["DesiredCapacity"]) + 1 <= int(sizes["MaxSize"]):
        return _left(group, errors.message(error), command)
    reason = (
        f"the group is at its MaxSize of {sizes['MaxSize']}, which Cordon does not change: raise it, or lower the "
        f"desired capacity of {sizes['DesiredCapacity']}, and the command brings the host back"
    )
    return _left(group, reason, command)


def _protected_again(task: StepTask) -> tuple[RestoredItem, ...]:
    """Set the protection from scale-in, which detaching lost, as it was; the group may have one of its own."""
    seen = read_until(task.member.clock, partial(look, task.member), _serving)
    try:
        now = seen.result()
    except errors.AwsError:
        now = None  # setting it again does no harm
    return () if now is not None and now.protected == task.section["protected"] else (_protected(task),)


def _serving(seen: Future[Membership | None]) -> bool:
    try:
        now = seen.result()
    except errors.AwsError:
        return False
    return now is not None and now.lifecycle == IN_SERVICE


def _protected(task: StepTask) -> RestoredItem:
    parameters = {**names(task), "ProtectedFromScaleIn": task.section["protected"]}
    what = f"scale-in protection in {title(task.section['group'])}"
    try:
        task.member.client("autoscaling").set_instance_protection(**parameters)
    except errors.AwsError as error:
        # An instance that was just attached takes it only when it is in service.
        command = aws_command("autoscaling", "SetInstanceProtection", parameters, task.member.target.region)
        return RestoredItem(NAME, what, restored=False, reason=errors.message(error), retry=True, command=command)
    return RestoredItem(NAME, what, restored=True)
