# SPDX-License-Identifier: Apache-2.0
"""Auto Scaling and load balancers: capacity stays within its limits; a host that leaves a group leaves its targets.

moto launches instances until the desired number is reached; a world lists single members of a group, so here a group
launches only what replaces an instance that was taken out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub.simulation.patches import Patches


def correct(patches: Patches) -> None:
    """Replace standby, attach, detach and scale-in protection, and what target groups say of who leaves them."""
    from moto.autoscaling.models import AutoScalingBackend
    from moto.elbv2.models import ELBv2Backend, FakeTargetGroup

    patches.replace(AutoScalingBackend, "enter_standby_instances", _enter_standby)
    patches.replace(AutoScalingBackend, "exit_standby_instances", _exit_standby)
    patches.replace(AutoScalingBackend, "detach_instances", _detach)
    patches.replace(AutoScalingBackend, "attach_instances", _attach)
    patches.replace(AutoScalingBackend, "set_instance_protection", _protect)
    patches.replace(FakeTargetGroup, "deregister", _deregister)
    patches.replace(ELBv2Backend, "describe_target_health", _describe_target_health(ELBv2Backend))


def _refusal(message: str) -> Exception:
    from moto.autoscaling.exceptions import ValidationError

    return ValidationError(message)


def _group(backend: Any, name: str) -> Any:
    if name not in backend.autoscaling_groups:
        raise _refusal(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return backend.autoscaling_groups[name]


def _members(group: Any, instance_ids: Sequence[str], lifecycle: str | None) -> list[Any]:
    members = {state.instance.id: state for state in group.instance_states}
    for instance_id in instance_ids:
        if instance_id not in members:
            raise _refusal(f"The instance {instance_id} is not part of Auto Scaling group {group.name}.")
        if lifecycle is not None and members[instance_id].lifecycle_state != lifecycle:
            raise _refusal(f"The instance {instance_id} is not in {lifecycle}.")
    return [members[instance_id] for instance_id in instance_ids]


def _shrink(group: Any, count: int) -> None:
    if group.desired_capacity - count < group.min_size:
        raise _refusal(
            f"AutoScalingGroup {group.name} has min-size={group.min_size}, max-size={group.max_size}, and "
            f"desired-size={group.desired_capacity}. To place into standby or detach {count} instance, please update "
            "the AutoScalingGroup sizes appropriately."
        )
    group.desired_capacity -= count


def _grow(group: Any, count: int) -> None:
    if group.desired_capacity + count > group.max_size:
        raise _refusal(
            f"AutoScalingGroup {group.name} has max-size={group.max_size} and desired-size={group.desired_capacity}: "
            f"{count} instances more would exceed the maximum."
        )
    group.desired_capacity += count


def _leave(backend: Any, group: Any, states: Sequence[Any], *, decrement: bool) -> None:
    if decrement:
        _shrink(group, len(states))
    for arn in group.target_group_arns:
        target_group = backend.elbv2_backend.target_groups[arn]
        for state in states:
            registered = target_group.targets.pop(state.instance.id, None)
            if registered is not None:
                target_group.deregistered_targets[state.instance.id] = registered


def _join(backend: Any, group: Any, states: Sequence[Any]) -> None:
    for arn in group.target_group_arns:
        target_group = backend.elbv2_backend.target_groups[arn]
        target_group.register([{"Id": state.instance.id, "Port": target_group.port} for state in states])


def _replace(backend: Any, group: Any, count: int) -> None:
    present = list(group.instance_states)
    group.replace_autoscaling_group_instances(count, group.get_propagated_tags())
    _join(backend, group, [state for state in group.instance_states if state not in present])


def _enter_standby(backend: Any, group_name: str, instance_ids: list[str], should_decrement: bool) -> list[Any]:
    from moto.autoscaling.models import EnterStandbyActivity

    group = _group(backend, group_name)
    before = group.desired_capacity
    states = _members(group, instance_ids, "InService")
    _leave(backend, group, states, decrement=should_decrement)
    for state in states:
        state.lifecycle_state = "Standby"
    if not should_decrement:
        _replace(backend, group, len(states))
    return [EnterStandbyActivity(state.instance, before) for state in states]


def _exit_standby(backend: Any, group_name: str, instance_ids: list[str]) -> list[Any]:
    from moto.autoscaling.models import ExitStandbyActivity

    group = _group(backend, group_name)
    before = group.desired_capacity
    states = _members(group, instance_ids, "Standby")
    _grow(group, len(states))
    for state in states:
        state.lifecycle_state = "InService"
    _join(backend, group, states)
    return [ExitStandbyActivity(state.instance, before) for state in states]


def _detach(backend: Any, group_name: str, instance_ids: list[str], should_decrement: bool) -> list[Any]:
    from moto.autoscaling.models import ASG_NAME_TAG, DetachInstanceActivity

    group = _group(backend, group_name)
    states = _members(group, instance_ids, None)
    # One in standby was taken off the desired capacity and the targets when it went there.
    _leave(
        backend,
        group,
        [state for state in states if state.lifecycle_state != "Standby"],
        decrement=should_decrement,
    )
    group.instance_states = [state for state in group.instance_states if state not in states]
    for state in states:
        backend.ec2_backend.delete_tags([state.instance.id], {ASG_NAME_TAG: group.name})
    if not should_decrement:
        _replace(backend, group, len(states))
    return [DetachInstanceActivity(state.instance) for state in states]


def _attach(backend: Any, group_name: str, instance_ids: list[str]) -> None:
    from moto.autoscaling.models import ASG_NAME_TAG, InstanceState

    group = _group(backend, group_name)
    instances = [backend.ec2_backend.get_instance(instance_id) for instance_id in instance_ids]
    present = {state.instance.id for state in group.instance_states}
    for instance in instances:
        if instance.state != "running":
            raise _refusal(f"Invalid Instance(s) [{instance.id}]: not in a running state.")
        if instance.id in present:
            raise _refusal(f"Instance {instance.id} is already part of an AutoScaling Group.")
    _grow(group, len(instances))
    states = []
    for instance in instances:
        instance.autoscaling_group = group
        backend.ec2_backend.create_tags([instance.id], {ASG_NAME_TAG: group.name})
        protected = group.new_instances_protected_from_scale_in
        states.append(InstanceState(instance, protected_from_scale_in=protected, autoscaling_group=group))
    group.instance_states.extend(states)
    _join(backend, group, states)


def _protect(backend: Any, group_name: str, instance_ids: list[str], protected_from_scale_in: bool | None) -> None:
    group = _group(backend, group_name)
    states = _members(group, instance_ids, None)
    for state in states:
        if state.lifecycle_state not in ("InService", "EnteringStandby", "Standby"):
            raise _refusal(f"The instance {state.instance.id} is not in InService or EnteringStandby or Standby.")
    for state in states:
        state.protected_from_scale_in = protected_from_scale_in


def _describe_target_health(backend_class: Any) -> Any:
    """Return the description that also lists, where all targets are asked for, those that are draining."""
    original = backend_class.describe_target_health

    def describe(backend: Any, target_group_arn: str, targets: list[dict[str, Any]]) -> list[Any]:
        from moto.elbv2.models import FakeHealthStatus

        found = original(backend, target_group_arn, targets)
        group = backend.target_groups[target_group_arn]
        leaving = {} if targets else group.deregistered_targets
        reason = ("Target.DeregistrationInProgress", "Target deregistration is in progress")
        return [
            *found,
            *(
                FakeHealthStatus(each["Id"], each["Port"], group.health_check_port, "draining", *reason)
                for each in leaving.values()
            ),
        ]

    return describe


def _deregister(target_group: Any, targets: list[dict[str, Any]]) -> None:
    """Take targets out; an unknown one is no error, and one registered with a port of its own wants that port."""
    for target in targets:
        registered = target_group.targets.get(target["Id"])
        port = target.get("Port", target_group.port)
        if registered is not None and int(registered["Port"]) == int(port):
            target_group.deregistered_targets[target["Id"]] = target_group.targets.pop(target["Id"])
