# SPDX-License-Identifier: Apache-2.0
"""Who tries what against the service control policies: the people, and everything that is protected from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.authorization.requests import AuthorizationRequest, CallPlace, requests_of
from hub.deployment.model import Guard
from tests.authorization.simulator import Principal
from tests.deployment.made import settings

SETTINGS = settings(
    operators=("arn:*:iam::111111111111:role/soc",),
    guard=Guard(
        targets=("r-abcd",), break_glass=("arn:*:iam::*:role/break-glass",), deployers=("arn:*:iam::*:role/deployer",)
    ),
)
MEMBER, HUB, MANAGEMENT = "444455556666", SETTINGS.hub, SETTINGS.management
PLACE = CallPlace(
    "aws",
    MEMBER,
    "eu-west-1",
    volumes=lambda _: {"/dev/xvda": "vol-host"},
    host={"eni-host": "i-host", "eni-attach-host": "i-host"}.get,
    attachment={"eni-attach-host": "eni-host"}.get,
)
INCIDENT = {"status": "isolated", "cordon:incident": "inc-1kjq1eaw0-k57547jg"}
LOCKED = ("eni-host", "i-host", "sg-quarantine", "snap-evidence", "vol-host")


def principal(role: str, account: str = MEMBER) -> Principal:
    """Return a session of a role, by the role's path and name; the account's root user by ``root``."""
    if role == "root":
        arn = f"arn:aws:iam::{account}:root"
        return Principal(arn, {"aws:PrincipalArn": arn})
    name = role.rpartition("/")[2]
    return Principal(
        f"arn:aws:sts::{account}:assumed-role/{name}/session",
        {"aws:PrincipalArn": f"arn:aws:iam::{account}:role/{role}"},
    )


PEOPLE: Mapping[str, str] = {
    "contain": "cordon/cordon-contain",
    "release": "cordon/cordon-release",
    "break-glass": "break-glass",
    "deployer": "deployer",
    "administrator": "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Administrator_0123456789abcdef",
    "tag forger": "web-server",
    "root user": "root",
    "StackSets": "stacksets-exec-0123456789abcdef",
    "impostor": "cordon-contain",
    "neighbour": "cordon-staging/cordon-staging-contain",
}
"""Name -> role in a member account. The tag forger and the impostor may do anything, as far as their policies go; the
impostor has the name of Cordon's role without its path; the neighbour is the role of another deployment."""

HUB_PEOPLE: Mapping[str, str] = {
    "functions": "cordon/cordon-hub-intake",
    "operator": "cordon/cordon-hub-operator",
    "CloudFormation": f"cdk-hnb659fds-cfn-exec-role-{HUB}-eu-west-1",
    "CDK": f"cdk-hnb659fds-deploy-role-{HUB}-eu-west-1",
    "publishing": f"cdk-hnb659fds-file-publishing-role-{HUB}-eu-west-1",
    "deployer": "deployer",
    "StackSets": "stacksets-exec-0123456789abcdef",
    "break-glass": "break-glass",
    "administrator": "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Administrator_0123456789abcdef",
    "root user": "root",
    "member's contain": "cordon/cordon-contain",
    "neighbour": "cordon-staging/cordon-staging-hub-intake",
}
"""The same in the hub account, which has the member roles too."""


@dataclass(frozen=True)
class Attempt:
    """Something to try: an EC2 call as boto3 takes it, or other questions to IAM as they are."""

    operation: str = ""
    parameters: Mapping[str, Any] | None = None
    asked: tuple[AuthorizationRequest, ...] = ()

    def requests(self, *, locked: bool = True) -> tuple[AuthorizationRequest, ...]:
        """Return what IAM is asked, with the host's resources in an incident or in none."""
        if self.asked:
            return self.asked
        tags = INCIDENT if locked else {}
        return requests_of(self.operation, self.parameters or {}, PLACE, lambda name: tags if name in LOCKED else {})


def _iam(action: str, resource: str, account: str = MEMBER) -> Attempt:
    return Attempt(asked=(AuthorizationRequest(f"iam:{action}", f"arn:aws:iam::{account}:{resource}", {}),))


def _asked(action: str, resource: str = "", context: Mapping[str, str | tuple[str, ...]] | None = None) -> Attempt:
    return Attempt(asked=(AuthorizationRequest(action, f"arn:aws:{resource}" if resource else "*", context or {}),))


def _tags(**pairs: str) -> list[dict[str, str]]:
    return [{"Key": key.replace("_", ":"), "Value": value} for key, value in pairs.items()]


_SCALING_GROUP = f"autoscaling:eu-west-1:{MEMBER}:autoScalingGroup:4f1c9a52:autoScalingGroupName/web"

EVIDENCE: Mapping[str, Attempt] = {
    "terminate the host": Attempt("TerminateInstances", {"InstanceIds": ["i-host"]}),
    "stop it": Attempt("StopInstances", {"InstanceIds": ["i-host"]}),
    "reboot it": Attempt("RebootInstances", {"InstanceIds": ["i-host"]}),
    "take its protection away": Attempt(
        "ModifyInstanceAttribute", {"InstanceId": "i-host", "DisableApiTermination": {"Value": False}}
    ),
    "change its groups": Attempt("ModifyInstanceAttribute", {"InstanceId": "i-host", "Groups": ["sg-open"]}),
    "change its user data": Attempt("ModifyInstanceAttribute", {"InstanceId": "i-host", "UserData": {"Value": b"x"}}),
    "replace its root volume": Attempt("CreateReplaceRootVolumeTask", {"InstanceId": "i-host"}),
    "change an interface's groups": Attempt(
        "ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": "eni-host", "Groups": ["sg-open"]}
    ),
    "attach an interface": Attempt("AttachNetworkInterface", {"InstanceId": "i-host", "NetworkInterfaceId": "eni-new"}),
    "detach an interface": Attempt("DetachNetworkInterface", {"AttachmentId": "eni-attach-host"}),
    "delete an interface": Attempt("DeleteNetworkInterface", {"NetworkInterfaceId": "eni-host"}),
    "give it an address": Attempt("AssociateAddress", {"AllocationId": "eipalloc-new", "InstanceId": "i-host"}),
    "give an interface an address": Attempt(
        "AssociateAddress", {"AllocationId": "eipalloc-new", "NetworkInterfaceId": "eni-host"}
    ),
    "attach a volume": Attempt("AttachVolume", {"InstanceId": "i-host", "VolumeId": "vol-new"}),
    "detach a volume": Attempt("DetachVolume", {"VolumeId": "vol-host"}),
    "delete a snapshot": Attempt("DeleteSnapshot", {"SnapshotId": "snap-evidence"}),
    "share a snapshot": Attempt(
        "ModifySnapshotAttribute",
        {"SnapshotId": "snap-evidence", "CreateVolumePermission": {"Add": [{"UserId": "999900001111"}]}},
    ),
    "make an image of the host": _asked(
        "ec2:CreateImage",
        f"ec2:eu-west-1:{MEMBER}:instance/i-host",
        {f"aws:ResourceTag/{key}": value for key, value in INCIDENT.items()},
    ),
    "open the quarantine group inwards": Attempt("AuthorizeSecurityGroupIngress", {"GroupId": "sg-quarantine"}),
    "open the quarantine group outwards": Attempt("AuthorizeSecurityGroupEgress", {"GroupId": "sg-quarantine"}),
    "shut investigators out of it": Attempt("RevokeSecurityGroupIngress", {"GroupId": "sg-quarantine"}),
    "delete it": Attempt("DeleteSecurityGroup", {"GroupId": "sg-quarantine"}),
    "put it on another host": Attempt(
        "ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": "eni-other", "Groups": ["sg-quarantine"]}
    ),
}
"""What the evidence lock keeps everybody but Cordon and break-glass from, for what carries an incident's tag alone."""

TAGS: Mapping[str, Attempt] = {
    "tag production as an incident's": Attempt(
        "CreateTags", {"Resources": ["i-other"], "Tags": _tags(cordon_incident="inc-x")}
    ),
    "make a group that is tagged as an incident's": Attempt(
        "CreateSecurityGroup",
        {
            "VpcId": "vpc-main",
            "TagSpecifications": [{"ResourceType": "security-group", "Tags": _tags(cordon_incident="inc-x")}],
        },
    ),
    "snapshot its volume, tags and all": Attempt(
        "CreateSnapshot",
        {
            "VolumeId": "vol-host",
            "TagSpecifications": [{"ResourceType": "snapshot", "Tags": _tags(cordon_incident="inc-x")}],
        },
    ),
    "change an incident's tag": Attempt(
        "CreateTags", {"Resources": ["i-host"], "Tags": _tags(cordon_incident="inc-x")}
    ),
    "change the status of the host": Attempt("CreateTags", {"Resources": ["i-host"], "Tags": _tags(status="live")}),
    "take the incident's tag away": Attempt(
        "DeleteTags", {"Resources": ["vol-host"], "Tags": [{"Key": "cordon:incident"}]}
    ),
    "take the status away": Attempt("DeleteTags", {"Resources": ["eni-host"], "Tags": [{"Key": "status"}]}),
    "take every tag away": Attempt("DeleteTags", {"Resources": ["snap-evidence"]}),
    "tag by Auto Scaling": _asked(
        "autoscaling:CreateOrUpdateTags",
        _SCALING_GROUP,
        {"aws:TagKeys": ("cordon:incident",), "aws:RequestTag/cordon:incident": "inc-x"},
    ),
}
"""What the guard against forged tags keeps the same from."""

ROLES: Mapping[str, Attempt] = {
    "give the contain role a policy": _iam("PutRolePolicy", "role/cordon/cordon-contain"),
    "change whom it trusts": _iam("UpdateAssumeRolePolicy", "role/cordon/cordon-contain"),
    "take its boundary away": _iam("DeleteRolePermissionsBoundary", "role/cordon/cordon-release"),
    "delete it": _iam("DeleteRole", "role/cordon/cordon-contain"),
    "make a role beside it": _iam("CreateRole", "role/cordon/cordon-release"),
    "change a policy of Cordon's": _iam("CreatePolicyVersion", "policy/cordon/cordon-boundary"),
    "leave the restricted group": _iam("RemoveUserFromGroup", "group/cordon/cordon-restricted"),
    "make a role that passes for break-glass": _iam("CreateRole", "role/break-glass"),
    "change whom break-glass trusts": _iam("UpdateAssumeRolePolicy", "role/break-glass"),
    "make a role that passes for a deployer": _iam("CreateRole", "role/deployer"),
    "make a role that passes for StackSets'": _iam("CreateRole", "role/stacksets-exec-evil"),
    "change whom StackSets' role trusts": _iam("UpdateAssumeRolePolicy", "role/stacksets-exec-0123456789abcdef"),
    "delete the member stack": _asked(
        "cloudformation:DeleteStack",
        f"cloudformation:eu-west-1:{MEMBER}:stack/StackSet-cordon-members-rest-0a1b2c3d/0a1b2c3d",
    ),
}
"""What only StackSets, deployers and break-glass do."""

ORDINARY: Mapping[str, Attempt] = {
    "tag the host with a key of one's own": Attempt(
        "CreateTags", {"Resources": ["i-host"], "Tags": _tags(owner="blue")}
    ),
    "give another resource another status": Attempt(
        "CreateTags", {"Resources": ["i-other"], "Tags": _tags(status="live")}
    ),
    "tag a resource as isolated": Attempt("CreateTags", {"Resources": ["i-other"], "Tags": _tags(status="isolated")}),
    "tag one as another deployment's incident": Attempt(
        "CreateTags",
        {"Resources": ["i-other"], "Tags": _tags(status="isolated", **{"cordon-staging_incident": "inc-x"})},
    ),
    "take every tag of another resource": Attempt("DeleteTags", {"Resources": ["i-other"]}),
    "snapshot the host": Attempt("CreateSnapshots", {"InstanceSpecification": {"InstanceId": "i-host"}}),
    "look at it": Attempt("DescribeInstances", {}),
    "attach the host to a scaling group": _asked("autoscaling:AttachInstances", _SCALING_GROUP),
    "have that group terminate it": _asked("autoscaling:TerminateInstanceInAutoScalingGroup", _SCALING_GROUP),
    "open its serial console": _asked(
        "ec2-instance-connect:SendSerialConsoleSSHPublicKey", f"ec2:eu-west-1:{MEMBER}:instance/i-host"
    ),
    "put a user into the restricted group": _iam("AddUserToGroup", "group/cordon/cordon-restricted"),
    "make a role elsewhere": _iam("CreateRole", "role/application"),
    "look at the contain role": _iam("GetRole", "role/cordon/cordon-contain"),
}
"""What nobody is kept from."""

_FUNCTION = f"lambda:eu-west-1:{HUB}:function:cordon-intake"
_CDK = "cdk-hnb659fds"
_PLACE = f"{HUB}-eu-west-1"


def _assumed(role: str) -> Attempt:
    return _asked("sts:AssumeRole", f"iam::{HUB}:role/{role}")


HUB_THINGS: Mapping[str, Attempt] = {
    "give a function other code": _asked("lambda:UpdateFunctionCode", _FUNCTION),
    "give it another configuration": _asked("lambda:UpdateFunctionConfiguration", _FUNCTION),
    "stop it": _asked("lambda:PutFunctionConcurrency", _FUNCTION),
    "change an alias of it": _asked("lambda:UpdateAlias", f"{_FUNCTION}:live"),
    "give its role a policy": _iam("PutRolePolicy", "role/cordon/cordon-hub-intake", HUB),
    "pass its role on": _iam("PassRole", "role/cordon/cordon-hub-intake", HUB),
    "change a bucket's policy": _asked("s3:PutBucketPolicy", f"s3:::cordon-evidence-{_PLACE}"),
    "delete evidence": _asked("s3:DeleteObjectVersion", f"s3:::cordon-evidence-{_PLACE}/incidents/x"),
    "get round its lock": _asked("s3:BypassGovernanceRetention", f"s3:::cordon-evidence-{_PLACE}/incidents/x"),
    "delete code that was published": _asked("s3:DeleteObject", f"s3:::{_CDK}-assets-{_PLACE}/0a1b.zip"),
    "open the bucket of the code": _asked("s3:PutBucketPolicy", f"s3:::{_CDK}-assets-{_PLACE}"),
    "empty the queue": _asked("sqs:PurgeQueue", f"sqs:eu-west-1:{HUB}:cordon-intake"),
    "delete the dead letters": _asked("sqs:DeleteQueue", f"sqs:eu-west-1:{HUB}:cordon-intake-dead-letters"),
    "switch a rule off": _asked("events:DisableRule", f"events:eu-west-1:{HUB}:rule/cordon-guardduty"),
    "delete the topic": _asked("sns:DeleteTopic", f"sns:eu-west-1:{HUB}:cordon-notifications"),
    "filter a subscription": _asked("sns:SetSubscriptionAttributes", f"sns:eu-west-1:{HUB}:cordon-notifications"),
    "end a subscription": _asked("sns:Unsubscribe", f"sns:eu-west-1:{HUB}:cordon-notifications"),
    "blind the topic": _asked("sns:PutDataProtectionPolicy", f"sns:eu-west-1:{HUB}:cordon-notifications"),
    "delete an alarm": _asked("cloudwatch:DeleteAlarms", f"cloudwatch:eu-west-1:{HUB}:alarm:cordon-late"),
    "silence it": _asked("cloudwatch:DisableAlarmActions", f"cloudwatch:eu-west-1:{HUB}:alarm:cordon-late"),
    "mute it": _asked("cloudwatch:PutAlarmMuteRule", f"cloudwatch:eu-west-1:{HUB}:alarm:cordon-late"),
    "put another in its place": _asked("cloudwatch:PutMetricAlarm", f"cloudwatch:eu-west-1:{HUB}:alarm:cordon-late"),
    "delete the log": _asked("logs:DeleteLogGroup", f"logs:eu-west-1:{HUB}:log-group:/cordon/intake"),
    "delete a part of it": _asked(
        "logs:DeleteLogStream", f"logs:eu-west-1:{HUB}:log-group:/cordon/intake:log-stream:x"
    ),
    "have it expire": _asked("logs:PutRetentionPolicy", f"logs:eu-west-1:{HUB}:log-group:/cordon/intake"),
    "change the stack": _asked("cloudformation:UpdateStack", f"cloudformation:eu-west-1:{HUB}:stack/cordon-hub/0a1b"),
    "make a change set": _asked(
        "cloudformation:CreateChangeSet", f"cloudformation:us-east-1:{HUB}:stack/cordon-forwarder-us-east-1/0a1b"
    ),
    "make a role that passes for CloudFormation's": _iam("CreateRole", f"role/cdk-x-cfn-exec-role-{HUB}-x", HUB),
    "change whom the CDK's role trusts": _iam("UpdateAssumeRolePolicy", f"role/{_CDK}-deploy-role-{_PLACE}", HUB),
    "pass CloudFormation its role": _iam("PassRole", f"role/{_CDK}-cfn-exec-role-{_PLACE}", HUB),
    "make a role that passes for break-glass": _iam("CreateRole", "role/break-glass", HUB),
    "make a role that passes for a deployer": _iam("CreateRole", "role/deployer", HUB),
    "run something as a deployer": _iam("PassRole", "role/deployer", HUB),
    "make a role that passes for an operator": _iam("CreateRole", "role/soc", HUB),
    "make a role that passes for StackSets'": _iam("CreateRole", "role/stacksets-exec-evil", HUB),
}
"""What the hub guard keeps from everybody but deployments, deployers and break-glass; and StackSets, where the hub is a
member too."""

HUB_TRIGGERS: Mapping[str, Attempt] = {
    "take the queue from the intake": _asked(
        "lambda:UpdateEventSourceMapping",
        f"lambda:eu-west-1:{HUB}:event-source-mapping:0a1b2c3d",
        {"lambda:FunctionArn": f"arn:aws:{_FUNCTION}"},
    ),
    "put another queue before it": _asked(
        "lambda:CreateEventSourceMapping", context={"lambda:FunctionArn": f"arn:aws:{_FUNCTION}"}
    ),
    "make a stack set": _asked("cloudformation:CreateStackSet"),
    "change the stack set": _asked(
        "cloudformation:UpdateStackSet", f"cloudformation:eu-west-1:{MANAGEMENT}:stackset/cordon-members-rest:0a1b"
    ),
    "change any other": _asked(
        "cloudformation:UpdateStackSet", f"cloudformation:eu-west-1:{MANAGEMENT}:stackset/other:0a1b"
    ),
    "bring it to other accounts": _asked(
        "cloudformation:CreateStackInstances", f"cloudformation:eu-west-1:{HUB}:stackset/other:0a1b"
    ),
    "take the member roles away": _asked(
        "cloudformation:DeleteStackInstances",
        f"cloudformation:eu-west-1:{MANAGEMENT}:stackset/cordon-members-rest:0a1b",
    ),
    "put a stack into a stack set": _asked(
        "cloudformation:ImportStacksToStackSet", f"cloudformation:eu-west-1:{HUB}:stackset/other:0a1b"
    ),
}
"""The same, and from StackSets too."""

HUB_USES: Mapping[str, Attempt] = {
    "write pointer or kill switch": _asked("dynamodb:UpdateItem", f"dynamodb:eu-west-1:{HUB}:table/cordon-records"),
    "put a policy into the bucket": _asked("s3:PutObject", f"s3:::cordon-policy-{_PLACE}/bundles/x"),
    "publish code": _asked("s3:PutObject", f"s3:::{_CDK}-assets-{_PLACE}/0a1b.zip"),
    "send a message to the queue": _asked("sqs:SendMessage", f"sqs:eu-west-1:{HUB}:cordon-intake"),
    "stop the dead letters' way back": _asked(
        "sqs:CancelMessageMoveTask", f"sqs:eu-west-1:{HUB}:cordon-intake-dead-letters"
    ),
    "tell people": _asked("sns:Publish", f"sns:eu-west-1:{HUB}:cordon-notifications"),
    "release a host": _asked("lambda:InvokeFunction", f"lambda:eu-west-1:{HUB}:function:cordon-release"),
    "give the intake an event": _asked("lambda:InvokeFunction", _FUNCTION),
}
"""What the roles in the hub do as well, each as far as its own policy goes."""

HUB_ASSUMED: Mapping[str, Attempt] = {
    "start CloudFormation as the CDK does": _assumed(f"{_CDK}-deploy-role-{_PLACE}"),
    "publish code as the CDK does": _assumed(f"{_CDK}-file-publishing-role-{_PLACE}"),
}
"""What only people may: deployers, and break-glass."""

HUB_ORDINARY: Mapping[str, Attempt] = {
    "become an operator, if trusted": _assumed("cordon/cordon-hub-operator"),
    "read the records": _asked("dynamodb:Query", f"dynamodb:eu-west-1:{HUB}:table/cordon-records"),
    "read evidence": _asked("s3:GetObject", f"s3:::cordon-evidence-{_PLACE}/incidents/x"),
    "look at a trigger": _asked(
        "lambda:GetEventSourceMapping",
        f"lambda:eu-west-1:{HUB}:event-source-mapping:0a1b2c3d",
        {"lambda:FunctionArn": f"arn:aws:{_FUNCTION}"},
    ),
    "look at a stack set": _asked(
        "cloudformation:DescribeStackSet", f"cloudformation:eu-west-1:{HUB}:stackset/cordon-members-rest:0a1b"
    ),
    "change another function": _asked("lambda:UpdateFunctionCode", f"lambda:eu-west-1:{HUB}:function:other"),
    "write another table": _asked("dynamodb:PutItem", f"dynamodb:eu-west-1:{HUB}:table/other"),
    "change another stack": _asked("cloudformation:UpdateStack", f"cloudformation:eu-west-1:{HUB}:stack/other/0a1b"),
    "write another deployment's table": _asked(
        "dynamodb:UpdateItem", f"dynamodb:eu-west-1:{HUB}:table/cordon-staging-records"
    ),
    "send a message to its queue": _asked("sqs:SendMessage", f"sqs:eu-west-1:{HUB}:cordon-staging-intake"),
}
"""What the hub guard leaves alone."""
