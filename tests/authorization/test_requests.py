# SPDX-License-Identifier: Apache-2.0
"""What a service asks IAM for a call: nothing invented, nothing required left out, nothing unknown let through."""

from __future__ import annotations

import functools
import re
from typing import Any

import botocore.session
import jmespath
import pytest

from hub.authorization.elsewhere import ELSEWHERE, IAM_PREFIXES, KEYS, PATTERNS
from hub.authorization.involved import ATTRIBUTES, ID_PREFIXES, INVOLVED
from hub.authorization.requests import AuthorizationRequest, CallPlace, UnknownOperationError, requests_of
from tests.authorization import reference
from tests.authorization.golden import same_as_golden

PLACE = CallPlace(
    "aws",
    "111122223333",
    "eu-west-1",
    owner={"vpc-shared": "444455556666", "sg-theirs": "444455556666"}.get,
    volumes=lambda instance: {"/dev/xvda": "vol-root", "/dev/sdf": "vol-data"} if instance == "i-host" else {},
    host={"eni-on": "i-host", "eni-attach-on": "i-host"}.get,
    attachment={"eni-attach-on": "eni-on"}.get,
    linked=lambda association: LINKED.get(association, {}),
    arn=lambda kind, name: ARNS.get((kind, name)),
    passed={"arn:aws:iam::111122223333:instance-profile/empty": "arn:aws:iam::111122223333:role/empty"}.get,
)
LINKED = {
    "eipassoc-1": {"elastic-ip": "eipalloc-1", "network-interface": "eni-on"},
    "iip-assoc-1": {"instance": "i-host"},
}
ARNS = {
    ("role", "web"): "arn:aws:iam::111122223333:role/payments/web",
    ("autoScalingGroup", "web"): (
        "arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:0a1b2c3d:autoScalingGroupName/web"
    ),
}
TARGETS = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web/0a1b2c3d"
TAGS = {"sg-ours": {"status": "isolated"}, "vol-data": {"team": "blue"}, ARNS["role", "web"]: {"team": "blue"}}
ISOLATED = [{"Key": "status", "Value": "isolated"}]

CALLS: dict[str, tuple[str, dict[str, Any]] | tuple[str, dict[str, Any], str]] = {
    "reading knows no resource": ("DescribeInstances", {"InstanceIds": ["i-host"]}),
    "an attribute is read of an instance": ("DescribeInstanceAttribute", {"InstanceId": "i-host", "Attribute": "x"}),
    "a switch": ("ModifyInstanceAttribute", {"InstanceId": "i-host", "DisableApiTermination": {"Value": True}}),
    "user data": ("ModifyInstanceAttribute", {"InstanceId": "i-host", "UserData": {"Value": b"#!"}}),
    "user data, the older way": (
        "ModifyInstanceAttribute",
        {"InstanceId": "i-host", "Attribute": "userData", "Value": "x"},
    ),
    "volumes by device": (
        "ModifyInstanceAttribute",
        {"InstanceId": "i-host", "BlockDeviceMappings": [{"DeviceName": "/dev/sdf", "Ebs": {}}, {"DeviceName": "x"}]},
    ),
    "a swap, and the host behind it": (
        "ModifyNetworkInterfaceAttribute",
        {"NetworkInterfaceId": "eni-on", "Groups": ["sg-ours", "sg-theirs"]},
    ),
    "a group in a shared VPC": (
        "CreateSecurityGroup",
        {
            "VpcId": "vpc-shared",
            "TagSpecifications": [
                {"ResourceType": "security-group", "Tags": ISOLATED},
                {"ResourceType": "vpc", "Tags": [{"Key": "not", "Value": "asked"}]},
            ],
        },
    ),
    "rules": ("AuthorizeSecurityGroupIngress", {"GroupId": "sg-ours", "IpPermissions": []}),
    "the set of an instance": (
        "CreateSnapshots",
        {
            "InstanceSpecification": {"InstanceId": "i-host"},
            "TagSpecifications": [{"ResourceType": "snapshot", "Tags": ISOLATED}],
        },
    ),
    "the set of an unknown instance": ("CreateSnapshots", {"InstanceSpecification": {"InstanceId": "i-other"}}),
    "tags on many": ("CreateTags", {"Resources": ["i-host", "eni-on", "vol-data"], "Tags": ISOLATED}),
    "a key without a value": ("DeleteTags", {"Resources": ["snap-x"], "Tags": [{"Key": "status"}]}),
    "every tag": ("DeleteTags", {"Resources": ["snap-x"]}),
    "shared, as a structure": (
        "ModifySnapshotAttribute",
        {"SnapshotId": "snap-x", "CreateVolumePermission": {"Add": [{"UserId": "9"}], "Remove": [{"Group": "all"}]}},
    ),
    "shared, as lists": (
        "ModifySnapshotAttribute",
        {"SnapshotId": "snap-x", "Attribute": "x", "OperationType": "add", "UserIds": ["9"]},
    ),
    "detached": ("DetachNetworkInterface", {"AttachmentId": "eni-attach-on"}),
    "an address and what it stands for": ("DisassociateAddress", {"AssociationId": "eipassoc-1"}),
    "an address that nobody knows": ("DisassociateAddress", {"AssociationId": "eipassoc-x"}),
    "an address for an interface, and the host behind it": (
        "AssociateAddress",
        {"AllocationId": "eipalloc-1", "NetworkInterfaceId": "eni-on"},
    ),
    "a profile, whose role is passed": (
        "ReplaceIamInstanceProfileAssociation",
        {"AssociationId": "iip-assoc-1", "IamInstanceProfile": {"Name": "empty"}},
    ),
    "a profile without a role": (
        "ReplaceIamInstanceProfileAssociation",
        {"AssociationId": "iip-assoc-1", "IamInstanceProfile": {"Name": "bare"}},
    ),
    "out of a scaling group": (
        "EnterStandby",
        {"AutoScalingGroupName": "web", "InstanceIds": ["i-host"], "ShouldDecrementDesiredCapacity": False},
        "autoscaling",
    ),
    "out of a target group": (
        "DeregisterTargets",
        {"TargetGroupArn": TARGETS, "Targets": [{"Id": "i-host"}]},
        "elbv2",
    ),
    "every target group": ("DescribeTargetGroups", {}, "elbv2"),
    "a role in a path, by name": ("TagRole", {"RoleName": "web", "Tags": [{"Key": "k", "Value": "v"}]}, "iam"),
    "a role that isn't there": ("UntagRole", {"RoleName": "gone", "TagKeys": ["b", "a"]}, "iam"),
    "a policy is attached": ("AttachRolePolicy", {"RoleName": "web", "PolicyArn": "arn:aws:iam::aws:policy/X"}, "iam"),
    "a user's group": ("AddUserToGroup", {"UserName": "ann", "GroupName": "readers"}, "iam"),
    "a new root volume": ("CreateReplaceRootVolumeTask", {"InstanceId": "i-host", "SnapshotId": "snap-x"}),
}


def _asked(operation: str, parameters: dict[str, Any], service: str = "ec2") -> tuple[AuthorizationRequest, ...]:
    return requests_of(operation, parameters, PLACE, lambda name: TAGS.get(name, {}), service)


def test_what_is_asked() -> None:
    lines = []
    for name, call in CALLS.items():
        lines += [f"{name}: {call[0]}"]
        for request in _asked(*call):
            context = {key: value for key, value in request.context.items() if key.lower()[-6:] != "region"}
            shown = "".join(f"\n      {key} = {value}" for key, value in sorted(context.items()))
            lines.append(f"  {request.action} on {request.resource}{shown}")
    same_as_golden("requests.txt", "\n".join(lines) + "\n")


@pytest.mark.parametrize("name", CALLS)
def test_every_key_is_one_that_the_action_knows(name: str) -> None:
    for request in _asked(*CALLS[name]):
        kind = None if request.resource == "*" else request.resource.split(":")[5].split("/")[0]
        known = reference.condition_keys(request.action, kind) | {"aws:RequestedRegion"}
        if kind is not None:
            of_type = reference.resource_type(request.action.partition(":")[0], kind).get("conditionKeys", [])
            known |= {key.partition("${")[0] for key in of_type}
        unknown = {key for key in request.context if key not in known and f"{key.partition('/')[0]}/" not in known}
        assert not unknown, request


@pytest.mark.parametrize("operation", INVOLVED)
def test_the_table_has_what_the_reference_requires_and_nothing_that_it_does_not_know(operation: str) -> None:
    of_table = {involved.kind for involved in INVOLVED[operation] if involved.kind}
    if operation in ("CreateTags", "DeleteTags"):
        assert set(ID_PREFIXES.values()) <= reference.resource_types(f"ec2:{operation}")
        return
    assert of_table <= reference.resource_types(f"ec2:{operation}")
    assert of_table >= reference.resource_types(f"ec2:{operation}", required=True)
    assert bool(of_table) is bool(reference.resource_types(f"ec2:{operation}"))


@pytest.mark.parametrize("operation", INVOLVED)
def test_every_path_is_one_of_parameters_that_the_call_has(operation: str) -> None:
    shape = _model("ec2").operation_model(operation).input_shape
    paths = [involved.ids for involved in INVOLVED[operation] if involved.ids]
    for path in [*paths, *ATTRIBUTES.get(operation, {})]:
        assert jmespath.search(path, _filled(shape)), f"{operation} has no {path}"


@pytest.mark.parametrize("action", ELSEWHERE)
def test_the_other_table_is_the_references_too(action: str) -> None:
    of_table = {named.kind for named in ELSEWHERE[action]}
    assert of_table == reference.resource_types(action, required=True)
    own = {service: name for name, service in IAM_PREFIXES.items()}
    service, _, operation = action.partition(":")
    parameters = _filled(_model(own.get(service, service)).operation_model(operation).input_shape)
    for path in [*(named.ids for named in ELSEWHERE[action]), *KEYS.get(action, {}).values()]:
        assert jmespath.search(path, parameters), f"{action} has no {path}"
    assert KEYS.get(action, {}).keys() <= reference.condition_keys(action, next(iter(of_table), None))


@pytest.mark.parametrize("action", ELSEWHERE)
def test_no_key_that_a_policy_of_ours_needs_is_left_out(action: str) -> None:
    """Of the services beside EC2: what is attached, and what tags a request has."""
    needed = {"iam:PolicyARN", "aws:TagKeys"}
    assert KEYS.get(action, {}).keys() == reference.condition_keys(action, None) & needed


@pytest.mark.parametrize("kind", PATTERNS)
def test_what_is_not_there_has_an_arn_of_its_kind(kind: str) -> None:
    service = "autoscaling" if kind == "autoScalingGroup" else "iam"
    form = reference.resource_type(service, kind)["arn"]
    made = PATTERNS[kind].format(partition="aws", account="1", region="eu-west-1", name="x")
    assert re.fullmatch(re.sub(r"\\\$\\\{\w+\\\}", "[^:]+", re.escape(form)), made), form


def test_what_is_not_known_is_an_error() -> None:
    for operation, parameters in (
        ("RunInstances", {}),
        ("CreateTags", {"Resources": ["tgw-1"], "Tags": ISOLATED}),
        ("ModifyInstanceAttribute", {"InstanceId": "i-host"}),
    ):
        with pytest.raises(UnknownOperationError) as caught:
            _asked(operation, parameters)
        assert caught.value.operation == operation
    with pytest.raises(UnknownOperationError, match="elasticloadbalancing:DeleteTargetGroup"):
        _asked("DeleteTargetGroup", {"TargetGroupArn": TARGETS}, "elbv2")


def test_another_partition() -> None:
    asked = requests_of(
        "DeleteSnapshot", {"SnapshotId": "snap-x"}, CallPlace("aws-cn", "1", "cn-north-1"), lambda _: {}
    )
    assert [each.resource for each in asked] == ["arn:aws-cn:ec2:cn-north-1::snapshot/snap-x"]


@functools.cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _filled(shape: Any, depth: int = 0) -> Any:
    """Return parameters that have every member of a shape."""
    if shape.type_name == "structure":
        return {name: _filled(each, depth + 1) for name, each in shape.members.items()} if depth < 5 else {}
    if shape.type_name == "list":
        return [_filled(shape.member, depth + 1)]
    return "x"
