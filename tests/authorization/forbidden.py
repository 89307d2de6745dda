# SPDX-License-Identifier: Apache-2.0
"""What the member roles may do, each beside what differs in one thing and is forbidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hub.authorization.requests import AuthorizationRequest, CallPlace, requests_of
from tests.scenario import ACCOUNT, INSTANCE, REGION

INCIDENT = "inc-1kjq1eaw0-k57547jg"
OTHER_INCIDENT = "inc-1kjq1eaw0-zzzzzzzz"
OURS = {"status": "isolated", "cordon:incident": INCIDENT}
THEIRS = {"status": "isolated", "cordon:incident": OTHER_INCIDENT}
TAGS: Mapping[str, Mapping[str, str]] = {
    "sg-ours": OURS,
    "sg-of-another-incident": THEIRS,
    "sg-status-alone": {"status": "isolated"},
    "sg-incident-alone": {"cordon:incident": OTHER_INCIDENT},
    "sg-production": {"Name": "web"},
    "eni-ours": OURS,
    "eni-of-another-incident": THEIRS,
    "eni-plain": {"status": "live"},
    "snap-ours": OURS,
    INSTANCE: OURS,
}


def _scaling_group(region: str, kind: str, name: str) -> str | None:
    arn = f"arn:aws:autoscaling:{region}:{ACCOUNT}:autoScalingGroup:0a1b2c3d:autoScalingGroupName/{name}"
    return arn if kind == "autoScalingGroup" else None


@dataclass(frozen=True)
class Call:
    """A call in the session's own account and Region, unless told otherwise; or a question as it is."""

    operation: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    region: str = REGION
    asked: AuthorizationRequest | None = None
    service: str = "ec2"
    place: CallPlace | None = None

    def requests(self) -> tuple[AuthorizationRequest, ...]:
        if self.asked is not None:
            return (self.asked,)
        place = self.place or CallPlace("aws", ACCOUNT, self.region, arn=partial(_scaling_group, self.region))
        return requests_of(self.operation, self.parameters, place, lambda name: TAGS.get(name, {}), self.service)


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _swap(group: str, **further: Any) -> Call:
    return Call("ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": "eni-plain", "Groups": [group], **further})


def _interface(**attribute: Any) -> Call:
    return Call("ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": "eni-plain", **attribute})


def _instance(name: str = INSTANCE, region: str = REGION, **attribute: Any) -> Call:
    return Call("ModifyInstanceAttribute", {"InstanceId": name, **attribute}, region)


def _tag(resource: str = "eni-plain", tags: Mapping[str, str] = OURS) -> Call:
    return Call("CreateTags", {"Resources": [resource], "Tags": _pairs(tags)})


def _untag(resource: str = "eni-ours", *keys: str) -> Call:
    tags = {"Tags": [{"Key": key} for key in keys]} if keys else {}
    return Call("DeleteTags", {"Resources": [resource], **tags})


def _made(operation: str, kind: str, tags: Mapping[str, str], **parameters: Any) -> Call:
    specification = [{"ResourceType": kind, "Tags": _pairs(tags)}] if tags else []
    return Call(operation, {**parameters, "TagSpecifications": specification})


def _set(tags: Mapping[str, str] = OURS, instance: str = INSTANCE) -> Call:
    return _made("CreateSnapshots", "snapshot", tags, InstanceSpecification={"InstanceId": instance})


def _group(tags: Mapping[str, str] = OURS) -> Call:
    return _made("CreateSecurityGroup", "security-group", tags, VpcId="vpc-main")


def _let_in(group: str) -> Call:
    return Call("AuthorizeSecurityGroupIngress", {"GroupId": group})


def _shut(group: str) -> Call:
    return Call("RevokeSecurityGroupEgress", {"GroupId": group})


def _iam(action: str, resource: str) -> Call:
    return Call(asked=AuthorizationRequest(action, f"arn:aws:iam::{ACCOUNT}:{resource}", {}))


def _scaling(operation: str, region: str = REGION) -> Call:
    return Call(operation, {"AutoScalingGroupName": "web", "InstanceIds": [INSTANCE]}, region, service="autoscaling")


def _targets(operation: str, region: str = REGION) -> Call:
    arn = f"arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:targetgroup/web/0123456789abcdef"
    return Call(operation, {"TargetGroupArn": arn, "Targets": [{"Id": INSTANCE}]}, region, service="elbv2")


def _role(operation: str, **parameters: Any) -> Call:
    return Call(operation, {"RoleName": "web", **parameters}, service="iam")


def _policy(operation: str, name: str) -> Call:
    return _role(operation, PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/{name}")


def _slot(key: str = "cordon-denied-1", **further: str) -> Call:
    return _role("TagRole", Tags=_pairs({key: f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{INSTANCE}", **further}))


def _user(operation: str, **parameters: Any) -> Call:
    return Call(operation, {"UserName": "ann", **parameters}, service="iam")


def _member_of(operation: str, group: str) -> Call:
    """IAM asks for the group's ARN, path and all, which the call doesn't name."""
    return _iam(f"iam:{operation}", f"group/{group}")


def _address(operation: str) -> Call:
    return Call(operation, {"AllocationId": "eipalloc-1", "NetworkInterfaceId": "eni-ours", "AssociationId": "x"})


def _entry(operation: str) -> Call:
    return Call(operation, {"NetworkAclId": "acl-1"})


def _profile(name: str, role: str, instance: str = INSTANCE) -> Call:
    """Swap the profile, which takes passing the role in it."""
    profile = f"arn:aws:iam::{ACCOUNT}:instance-profile/{name}"
    place = CallPlace(
        "aws",
        ACCOUNT,
        REGION,
        linked={"iip-assoc-1": {"instance": instance}}.get,  # type: ignore[arg-type] # the only one that there is
        passed={profile: f"arn:aws:iam::{ACCOUNT}:role/{role}"}.get,
    )
    parameters = {"AssociationId": "iip-assoc-1", "IamInstanceProfile": {"Arn": profile}}
    return Call("ReplaceIamInstanceProfileAssociation", parameters, place=place)


ON, OFF = {"Value": True}, {"Value": False}
SHARED = {"SnapshotId": "snap-ours", "CreateVolumePermission": {"Add": [{"UserId": "999900001111"}]}}
_EVERYBODY = {
    "share a snapshot": Call("ModifySnapshotAttribute", SHARED),
    "delete a snapshot": Call("DeleteSnapshot", {"SnapshotId": "snap-ours"}),
    "terminate the host": Call("TerminateInstances", {"InstanceIds": [INSTANCE]}),
    "stop it": Call("StopInstances", {"InstanceIds": [INSTANCE]}),
    "let another incident's group out": Call("AuthorizeSecurityGroupEgress", {"GroupId": "sg-of-another-incident"}),
    "let production's group out": Call("AuthorizeSecurityGroupEgress", {"GroupId": "sg-production"}),
    "delete its own group": Call("DeleteSecurityGroup", {"GroupId": "sg-ours"}),
    "delete production's group": Call("DeleteSecurityGroup", {"GroupId": "sg-production"}),
    "delete another incident's group": Call("DeleteSecurityGroup", {"GroupId": "sg-of-another-incident"}),
    "release an address": Call(
        asked=AuthorizationRequest("ec2:ReleaseAddress", f"arn:aws:ec2:{REGION}:{ACCOUNT}:elastic-ip/eipalloc-1", {})
    ),
    "delete an access key": _iam("iam:DeleteAccessKey", "user/ann"),
    "write a role's tag that is not a slot": _role("TagRole", Tags=_pairs({"team": "x"})),
    "attach an administrator's policy": _policy("AttachRolePolicy", "AdministratorAccess"),
    "put somebody into another group": _member_of("AddUserToGroup", "administrators"),
    "let somebody out of another group": _member_of("RemoveUserFromGroup", "administrators"),
    "pass the host's role": _profile("web", "web"),
    "tag its own role": _iam("iam:TagRole", "role/cordon/cordon-contain"),
    "change itself": _iam("iam:PutRolePolicy", "role/cordon/cordon-contain"),
    "change whom it trusts": _iam("iam:UpdateAssumeRolePolicy", "role/cordon/cordon-contain"),
    "take its boundary away": _iam("iam:DeleteRolePermissionsBoundary", "role/cordon/cordon-release"),
    "become the other role": _iam("sts:AssumeRole", "role/cordon/cordon-release"),
    "become anybody": _iam("sts:AssumeRole", "role/administrator"),
}

ALLOWED: Mapping[str, Mapping[str, Call]] = {
    "contain": {
        "put a quarantine group on": _swap("sg-ours"),
        "put another incident's quarantine group on": _swap("sg-of-another-incident"),
        "protect the host": _instance(DisableApiTermination=ON),
        "tag an interface": _tag(),
        "snapshot the host": _set(),
        "make a group": _group(),
        "let investigators into its own group": _let_in("sg-ours"),
        "shut its own group": _shut("sg-ours"),
        "take the host out of its scaling group": _scaling("EnterStandby"),
        "take it out of a target group": _targets("DeregisterTargets"),
        "deny a role for the host": _slot(),
        "attach the denial": _policy("AttachRolePolicy", "cordon/cordon-denial"),
        "restrict a user": _member_of("AddUserToGroup", "cordon/cordon-restricted"),
        "deactivate a key": _user("UpdateAccessKey", AccessKeyId="AKIAEXAMPLE", Status="Inactive"),
        "cut by an ACL": _entry("CreateNetworkAclEntry"),
    },
    "release": {
        "put a group of the owner's back": _swap("sg-production"),
        "take protection away": _instance(DisableApiTermination=OFF),
        "put a status back": _tag("eni-ours", {"status": "live"}),
        "take a status away": _untag("eni-ours", "status"),
        "take the incident's tag away": _untag("eni-ours", "cordon:incident"),
        "put the host back into service": _scaling("ExitStandby"),
        "register it again": _targets("RegisterTargets"),
        "take a slot away": _role("UntagRole", TagKeys=["cordon-denied-1"]),
        "detach the denial": _policy("DetachRolePolicy", "cordon/cordon-denial"),
        "let a user out": _member_of("RemoveUserFromGroup", "cordon/cordon-restricted"),
        "give an address back": _address("AssociateAddress"),
        "take an ACL's entry away": _entry("DeleteNetworkAclEntry"),
    },
    "identity": {
        "write an inline policy": _role("PutRolePolicy", PolicyName="x", PolicyDocument="{}"),
        "swap the profile for the empty one": _profile("cordon/cordon-quarantined", "cordon/cordon-quarantined"),
    },
}

FORBIDDEN: Mapping[str, Mapping[str, Call]] = {
    "contain": {
        **_EVERYBODY,
        "put production's group on": _swap("sg-production"),
        "put on a group that is tagged with a status alone": _swap("sg-status-alone"),
        "put on a group that is tagged with an incident alone": _swap("sg-incident-alone"),
        "put on a quarantine group and another": Call(
            "ModifyNetworkInterfaceAttribute",
            {"NetworkInterfaceId": "eni-plain", "Groups": ["sg-ours", "sg-production"]},
        ),
        "change another attribute of an interface": _interface(SourceDestCheck=OFF),
        "let an interface go with the host": _interface(Attachment={"DeleteOnTermination": True}),
        "take protection away": _instance(DisableApiTermination=OFF),
        "take protection from stopping away": _instance(DisableApiStop=OFF),
        "let shutting down terminate": _instance(InstanceInitiatedShutdownBehavior={"Value": "terminate"}),
        "change user data": _instance(UserData={"Value": b"#!"}),
        "change user data, the older way": _instance(Attribute="userData", Value="x"),
        "change the type": _instance(InstanceType={"Value": "t3.nano"}),
        "change groups by the instance": _instance(Groups=["sg-ours"]),
        "protect another instance": _instance("i-other", DisableApiTermination=ON),
        "protect it in another Region": _instance(region="us-east-1", DisableApiTermination=ON),
        "protect it in a Region without Cordon": _instance(region="ap-south-1", DisableApiTermination=ON),
        "snapshot another instance": _set(instance="i-other"),
        "snapshot without a tag": _set({}),
        "snapshot for another incident": _set(THEIRS),
        "tag production's group": _tag("sg-production"),
        "tag a snapshot that is there": _tag("snap-ours"),
        "tag another instance": _tag("i-other"),
        "tag for another incident": _tag(tags=THEIRS),
        "tag as something else": _tag(tags={"status": "live", "cordon:incident": INCIDENT}),
        "tag with a further key": _tag(tags={**OURS, "Name": "x"}),
        "take a tag away": _untag("eni-ours", "status"),
        "make a group for another incident": _group(THEIRS),
        "make a group without a tag": _group({}),
        "let somebody into production's group": _let_in("sg-production"),
        "let somebody into another incident's group": _let_in("sg-of-another-incident"),
        "shut production's group": _shut("sg-production"),
        "take a host out of a scaling group elsewhere": _scaling("EnterStandby", "us-east-1"),
        "take it out of a target group elsewhere": _targets("DeregisterTargets", "us-east-1"),
        "register it": _targets("RegisterTargets"),
        "put it back into service": _scaling("ExitStandby"),
        "let a user out": _member_of("RemoveUserFromGroup", "cordon/cordon-restricted"),
        "take a slot away": _role("UntagRole", TagKeys=["cordon-denied-1"]),
        "write a slot and more": _slot(team="x"),
        "detach the denial": _policy("DetachRolePolicy", "cordon/cordon-denial"),
        "attach the denial of a look-alike": _policy("AttachRolePolicy", "cordon-denial"),
        "write an inline policy": _role("PutRolePolicy", PolicyName="x", PolicyDocument="{}"),
        "give an address back": _address("AssociateAddress"),
        "take an ACL's entry away": _entry("DeleteNetworkAclEntry"),
    },
    "release": {
        **_EVERYBODY,
        "change user data": _instance(UserData={"Value": b"#!"}),
        "change another attribute of an interface": _interface(SourceDestCheck=OFF),
        "take another instance's protection away": _instance("i-other", DisableApiTermination=OFF),
        "take it away in another Region": _instance(region="us-east-1", DisableApiTermination=OFF),
        "take every tag away": _untag("eni-ours"),
        "take another tag away": _untag("eni-ours", "Name"),
        "take a status away that is not Cordon's": _untag("eni-plain", "status"),
        "take another incident's tag away": _untag("eni-of-another-incident", "cordon:incident"),
        "tag with a further key": _tag("eni-ours", {"status": "live", "Name": "x"}),
        "tag a group": _tag("sg-ours", {"status": "live"}),
        "make a snapshot": _set(),
        "make a group": _group(),
        "let somebody into a group": _let_in("sg-ours"),
        "take the host out of its scaling group": _scaling("EnterStandby"),
        "take it out of a target group": _targets("DeregisterTargets"),
        "register it elsewhere": _targets("RegisterTargets", "us-east-1"),
        "deny a role": _slot(),
        "attach the denial": _policy("AttachRolePolicy", "cordon/cordon-denial"),
        "detach another policy": _policy("DetachRolePolicy", "guardrail"),
        "take another tag of a role": _role("UntagRole", TagKeys=["cordon-denied-1", "team"]),
        "restrict a user": _member_of("AddUserToGroup", "cordon/cordon-restricted"),
        "take an address away": _address("DisassociateAddress"),
        "cut by an ACL": _entry("CreateNetworkAclEntry"),
    },
    "identity": {
        **_EVERYBODY,
        "swap the profile for another": _profile("web", "cordon/cordon-quarantined"),
        "pass the role of a look-alike": _profile("cordon/cordon-quarantined", "cordon-quarantined"),
        "swap another host's": _profile("cordon/cordon-quarantined", "cordon/cordon-quarantined", "i-other"),
        "change its own inline policies": _iam("iam:PutRolePolicy", "role/cordon/cordon-identity"),
        "attach the denial": _policy("AttachRolePolicy", "cordon/cordon-denial"),
        "put a quarantine group on": _swap("sg-ours"),
    },
}
