# SPDX-License-Identifier: Apache-2.0
"""CloudFormation resource types that ministack lacks, made by the calls that CloudFormation would make.

Where ministack leaves out a property of a type that it has, the property is added after.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from hub.lab.emulator import stack_sets
from hub.lab.emulator.clients import client
from hub.simulation.patches import Patches

Properties = Mapping[str, Any]
Made = tuple[str, dict[str, Any]]


def correct(patches: Patches) -> None:
    """Add the types, and run them where they may call the lab."""
    from ministack.services.cloudformation import provisioners, stacks

    handlers = provisioners._RESOURCE_HANDLERS
    own = {
        "AWS::CloudFormation::StackSet": {
            "create": stack_sets.create,
            "update": stack_sets.update,
            "delete": stack_sets.delete,
        },
        "AWS::IAM::Group": {"create": _create_group, "delete": _delete_group},
        "AWS::Organizations::Policy": {"create": _create_policy, "delete": _delete_policy},
    }
    handlers.update(own)
    role = handlers["AWS::IAM::Role"]
    handlers["AWS::IAM::Role"] = {**role, **{verb: _bounded(role[verb]) for verb in ("create", "update")}}
    alarm = handlers["AWS::CloudWatch::Alarm"]
    handlers["AWS::CloudWatch::Alarm"] = {**alarm, "create": _calculating(alarm["create"])}
    blocking: Callable[[str], bool] = stacks._runs_on_worker_thread

    def runs_on_worker_thread(resource_type: str) -> bool:
        return resource_type in own or blocking(resource_type)

    patches.replace(stacks, "_runs_on_worker_thread", runs_on_worker_thread)


def _bounded(original: Callable[..., Made]) -> Callable[..., Made]:
    """Give a role the permissions boundary that its properties name."""

    def make(*arguments: Any, **named: Any) -> Made:
        from ministack.services import iam

        made = original(*arguments, **named)
        # create(logical id, properties, stack), update(physical id, old properties, properties, stack)
        properties = arguments[2] if isinstance(arguments[2], Mapping) else arguments[1]
        iam._roles[made[0]]["PermissionsBoundary"] = properties.get("PermissionsBoundary")
        return made

    return make


def _calculating(original: Callable[..., Made]) -> Callable[..., Made]:
    """Let an alarm on a calculation stand for nothing: the lab has no metrics that could raise it."""

    def make(logical_id: str, properties: Properties, stack_name: str) -> Made:
        if "Metrics" not in properties:
            return original(logical_id, properties, stack_name)
        account, region = _here()
        name = str(properties["AlarmName"])
        return name, {"Arn": f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"}

    return make


def _here() -> tuple[str, str]:
    from ministack.core.responses import get_account_id, get_region

    return get_account_id(), get_region()


def _create_group(logical_id: str, properties: Properties, stack_name: str) -> Made:
    iam = client("iam", *_here())
    name = str(properties.get("GroupName") or f"{stack_name}-{logical_id}")
    group = iam.create_group(GroupName=name, Path=properties.get("Path", "/"))["Group"]
    for arn in properties.get("ManagedPolicyArns", []):
        iam.attach_group_policy(GroupName=name, PolicyArn=arn)
    for policy in properties.get("Policies", []):
        document = json.dumps(policy["PolicyDocument"])
        iam.put_group_policy(GroupName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
    return name, {"Arn": group["Arn"]}


def _delete_group(physical_id: str, _: Properties) -> None:
    iam = client("iam", *_here())
    for policy in iam.list_attached_group_policies(GroupName=physical_id)["AttachedPolicies"]:
        iam.detach_group_policy(GroupName=physical_id, PolicyArn=policy["PolicyArn"])
    for name in iam.list_group_policies(GroupName=physical_id)["PolicyNames"]:
        iam.delete_group_policy(GroupName=physical_id, PolicyName=name)
    iam.delete_group(GroupName=physical_id)


def _create_policy(logical_id: str, properties: Properties, stack_name: str) -> Made:
    del logical_id, stack_name
    organizations = client("organizations", *_here())
    content = properties["Content"]
    policy = organizations.create_policy(
        Name=properties["Name"],
        Description=properties.get("Description", ""),
        Type=properties["Type"],
        Content=content if isinstance(content, str) else json.dumps(content, separators=(",", ":")),
    )["Policy"]["PolicySummary"]
    for target in properties.get("TargetIds", []):
        organizations.attach_policy(PolicyId=policy["Id"], TargetId=target)
    return str(policy["Id"]), {"Id": policy["Id"], "Arn": policy["Arn"], "AwsManaged": False}


def _delete_policy(physical_id: str, properties: Properties) -> None:
    organizations = client("organizations", *_here())
    for target in properties.get("TargetIds", []):
        organizations.detach_policy(PolicyId=physical_id, TargetId=target)
    organizations.delete_policy(PolicyId=physical_id)
