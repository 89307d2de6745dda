# SPDX-License-Identifier: Apache-2.0
"""Who and what is kept out, with IAM enforced. Each denial has its twin: the same call, made rightly, succeeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions import names
from hub.lab.hosts import LabHost
from hub.lab.organization import STRANGER
from tests.lab.fixture import PAYMENTS, Entry, Keys, LabFixture, denied

pytestmark = pytest.mark.lab

ASSUMING = {"Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}
OTHER = "555566667777"


@pytest.fixture(scope="module")
def host(lab_fixture: LabFixture) -> LabHost:
    return lab_fixture.new_host()


@pytest.fixture(scope="module")
def neighbour(lab_fixture: LabFixture) -> LabHost:
    """A host of the same account that nobody reported."""
    return lab_fixture.new_host()


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return denied(caught.value)


@pytest.mark.parametrize("purpose", ["contain", "release"])
def test_the_function_of_that_purpose_enters(lab_fixture: LabFixture, host: LabHost, purpose: str) -> None:
    function = {"contain": "intake", "release": "release"}[purpose]
    keys = lab_fixture.entry(host, purpose).by(lab_fixture.function(function))
    ec2 = lab_fixture.client("ec2", keys, host.region)
    assert ec2.describe_instances(InstanceIds=[host.instance])["Reservations"]


WRONG: Mapping[str, Callable[[Entry], Entry]] = {
    "another's ExternalId": lambda entry: entry.but(ExternalId=f"cordon-{OTHER}"),
    "no ExternalId": lambda entry: entry.without("ExternalId"),
    "no SourceIdentity": lambda entry: entry.without("SourceIdentity"),
    "a SourceIdentity that is no incident": lambda entry: entry.but(SourceIdentity="somebody"),
    "no session tag": lambda entry: entry.without("Tags"),
    "the tag of another incident": lambda entry: entry.but(
        Tags=[{"Key": "cordon:incident", "Value": "inc-000000000-00000000"}]
    ),
    "a further tag": lambda entry: entry.but(
        Tags=[*entry.parameters["Tags"], {"Key": "department", "Value": "finance"}]
    ),
    "a session name that is not the incident": lambda entry: entry.but(RoleSessionName="somebody"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(("purpose", "function"), [("contain", "intake"), ("release", "release")])
def test_who_says_it_wrongly_does_not_enter(
    lab_fixture: LabFixture, host: LabHost, purpose: str, function: str, wrong: str
) -> None:
    right, keys = lab_fixture.entry(host, purpose), lab_fixture.function(function)
    assert right.by(keys)
    told = refused(lambda: WRONG[wrong](right).by(keys))
    assert "sts:" in told


OUTSIDERS: Mapping[str, Callable[[LabFixture], Keys]] = {
    "an administrator of the hub": lambda lab_fixture: lab_fixture.admin(lab_fixture.hub),
    "an administrator of the member account": lambda lab_fixture: lab_fixture.admin(PAYMENTS),
    "a role of another account by the function's name": lambda lab_fixture: lab_fixture.role(
        OTHER, "cordon-hub-intake", ASSUMING, "/cordon/"
    ),
    "a role of another organisation by the function's name": lambda lab_fixture: lab_fixture.role(
        STRANGER, "cordon-hub-intake", ASSUMING, "/cordon/"
    ),
    "the release function": lambda lab_fixture: lab_fixture.function("release"),
}


@pytest.mark.parametrize("outsider", OUTSIDERS)
def test_nobody_else_enters_the_contain_role(lab_fixture: LabFixture, host: LabHost, outsider: str) -> None:
    keys = OUTSIDERS[outsider](lab_fixture)
    assert lab_fixture.client("sts", keys).get_caller_identity()
    entry = lab_fixture.entry(host)
    refused(lambda: entry.by(keys))
    assert entry.by(lab_fixture.function("intake"))


def test_the_intake_does_not_enter_the_release_role(lab_fixture: LabFixture, host: LabHost) -> None:
    entry = lab_fixture.entry(host, "release")
    refused(lambda: entry.by(lab_fixture.function("intake")))
    assert entry.by(lab_fixture.function("release"))


def test_nobody_becomes_a_function(lab_fixture: LabFixture) -> None:
    sts = lab_fixture.client("sts", lab_fixture.admin(lab_fixture.hub))
    for function in ("intake", "release"):
        role = f"arn:aws:iam::{lab_fixture.hub}:role/cordon/{names.hub_role('cordon', function)}"
        refused(lambda role=role: sts.assume_role(RoleArn=role, RoleSessionName="somebody"))


class Member:
    """The contain role's session for one host, and an administrator who prepares what it meets."""

    def __init__(self, lab_fixture: LabFixture, host: LabHost) -> None:
        self.lab_fixture = lab_fixture
        self.host = host
        self.entry = lab_fixture.entry(host)
        self.incident = self.entry.parameters["SourceIdentity"]
        self.keys = self.entry.by(lab_fixture.function("intake"))
        self.ec2 = lab_fixture.client("ec2", self.keys, host.region)
        self.root = lab_fixture.lab.clients.root("ec2", host.account, host.region)

    def quarantine_group(self, name: str) -> str:
        """Make a group as the role itself makes it."""
        tags = [
            {"Key": "Name", "Value": name},
            {"Key": "status", "Value": "isolated"},
            {"Key": "cordon:quarantine", "Value": "0a1b2c3d"},
            {"Key": "cordon:incident", "Value": self.incident},
        ]
        made: str = self.ec2.create_security_group(
            GroupName=name,
            Description="quarantine",
            VpcId=self.host.vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
        )["GroupId"]
        return made


@pytest.fixture(scope="module")
def member(lab_fixture: LabFixture, host: LabHost) -> Member:
    return Member(lab_fixture, host)


def test_only_quarantine_groups_are_put_on(member: Member) -> None:
    quarantine = member.quarantine_group("twin-group")
    for interface, worn in zip(member.host.interfaces, member.host.groups, strict=True):
        told = refused(
            lambda interface=interface, worn=worn: member.ec2.modify_network_interface_attribute(
                NetworkInterfaceId=interface, Groups=list(worn)
            )
        )
        assert "security-group/" in told, told
        member.ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[quarantine])
        member.root.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=list(worn))


def test_productions_group_is_not_tagged(member: Member) -> None:
    tags = [{"Key": "status", "Value": "isolated"}, {"Key": "cordon:incident", "Value": member.incident}]
    production = member.host.groups[0][0]
    told = refused(lambda: member.ec2.create_tags(Resources=[production], Tags=tags))
    assert "ec2:CreateTags" in told
    member.ec2.create_tags(Resources=[*member.host.volumes], Tags=tags)


def test_productions_rules_are_not_changed(member: Member) -> None:
    rule = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}]
    production = member.host.groups[0][0]
    refused(lambda: member.ec2.authorize_security_group_ingress(GroupId=production, IpPermissions=rule))
    own = member.quarantine_group("twin-rules")
    member.ec2.authorize_security_group_ingress(GroupId=own, IpPermissions=rule)


@pytest.mark.parametrize("attribute", ["DisableApiTermination", "DisableApiStop"])
def test_protection_is_put_on_and_not_taken_away(member: Member, attribute: str) -> None:
    def change(*, to: bool) -> None:
        member.ec2.modify_instance_attribute(InstanceId=member.host.instance, **{attribute: {"Value": to}})

    change(to=True)
    refused(lambda: change(to=False))


def test_snapshots_are_taken_and_not_shared(member: Member) -> None:
    tags = [
        {"Key": "Name", "Value": "twin"},
        {"Key": "status", "Value": "isolated"},
        {"Key": "cordon:incident", "Value": member.incident},
    ]
    made = member.ec2.create_snapshots(
        InstanceSpecification={"InstanceId": member.host.instance, "ExcludeBootVolume": False},
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}],
    )["Snapshots"]
    sharing = {"SnapshotId": made[0]["SnapshotId"], "Attribute": "createVolumePermission", "OperationType": "add"}
    for whom in ({"UserIds": [STRANGER]}, {"GroupNames": ["all"]}):
        told = refused(lambda whom=whom: member.ec2.modify_snapshot_attribute(**sharing, **whom))
        assert "ec2:ModifySnapshotAttribute" in told
    refused(lambda: member.ec2.delete_snapshot(SnapshotId=made[0]["SnapshotId"]))


def test_a_session_reaches_its_own_host_alone(lab_fixture: LabFixture, member: Member, neighbour: LabHost) -> None:
    change = {"DisableApiTermination": {"Value": True}}
    member.ec2.modify_instance_attribute(InstanceId=member.host.instance, **change)
    refused(lambda: member.ec2.modify_instance_attribute(InstanceId=neighbour.instance, **change))
    own = lab_fixture.entry(neighbour).by(lab_fixture.function("intake"))
    lab_fixture.client("ec2", own, neighbour.region).modify_instance_attribute(InstanceId=neighbour.instance, **change)


def test_a_session_stays_in_its_region(lab_fixture: LabFixture, member: Member) -> None:
    there = "us-east-1" if member.host.region != "us-east-1" else "eu-west-1"
    refused(lambda: lab_fixture.client("ec2", member.keys, there).describe_instances())
    assert member.ec2.describe_instances()["Reservations"]


def test_a_session_does_not_take_another_identity(lab_fixture: LabFixture, member: Member, neighbour: LabHost) -> None:
    refused(lambda: lab_fixture.entry(neighbour).by(member.keys))


ITSELF: Mapping[str, tuple[str, dict[str, Any]]] = {
    "a policy": ("put_role_policy", {"PolicyName": "more", "PolicyDocument": json.dumps(ASSUMING)}),
    "a managed policy": ("attach_role_policy", {"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    "no boundary": ("delete_role_permissions_boundary", {}),
    "another trust": ("update_assume_role_policy", {"PolicyDocument": json.dumps(ASSUMING)}),
}


@pytest.mark.parametrize("change", ITSELF)
def test_a_role_does_not_change_itself(lab_fixture: LabFixture, member: Member, change: str) -> None:
    operation, parameters = ITSELF[change]
    role = names.member_role("cordon", "contain")
    for keys in (member.keys, lab_fixture.entry(member.host).without("Policy").by(lab_fixture.function("intake"))):
        iam = lab_fixture.client("iam", keys)
        refused(lambda iam=iam: getattr(iam, operation)(RoleName=role, **parameters))


@pytest.mark.parametrize("change", ITSELF)
def test_even_the_members_administrator_does_not_change_the_role(lab_fixture: LabFixture, change: str) -> None:
    operation, parameters = ITSELF[change]
    iam = lab_fixture.client("iam", lab_fixture.admin(PAYMENTS))
    told = refused(lambda: getattr(iam, operation)(RoleName=names.member_role("cordon", "contain"), **parameters))
    assert "explicit deny" in told
    iam.put_role_policy(RoleName="administrator", PolicyName="twin", PolicyDocument=json.dumps(ASSUMING))
    iam.delete_role_policy(RoleName="administrator", PolicyName="twin")


def test_nobody_sends_to_the_intake_queue(lab_fixture: LabFixture) -> None:
    for account in (lab_fixture.hub, PAYMENTS, STRANGER):
        sqs = lab_fixture.client("sqs", lab_fixture.admin(account))
        url = f"{lab_fixture.lab.endpoint}/{lab_fixture.hub}/{names.queue('cordon')}"
        refused(lambda sqs=sqs, url=url: sqs.send_message(QueueUrl=url, MessageBody="{}"))
        own = sqs.create_queue(QueueName="own")["QueueUrl"]
        sqs.send_message(QueueUrl=own, MessageBody="{}")


def test_nobody_outside_the_hub_reads_evidence_or_policy(lab_fixture: LabFixture) -> None:
    settings = lab_fixture.lab.settings
    hub = lab_fixture.client("s3", lab_fixture.admin(lab_fixture.hub))
    for bucket in (settings.evidence_bucket, settings.policy_bucket):
        hub.list_objects_v2(Bucket=bucket)
        for account in (PAYMENTS, STRANGER):
            theirs = lab_fixture.client("s3", lab_fixture.admin(account))
            refused(lambda theirs=theirs, bucket=bucket: theirs.list_objects_v2(Bucket=bucket))


def test_the_functions_add_evidence_and_neither_read_nor_delete_it(lab_fixture: LabFixture) -> None:
    where = {"Bucket": lab_fixture.lab.settings.evidence_bucket, "Key": "incidents/inc-000000000-00000000/twin.json"}
    intake = lab_fixture.client("s3", lab_fixture.function("intake"))
    intake.put_object(**where, Body=b"{}")
    refused(lambda: intake.get_object(**where))
    refused(lambda: intake.delete_object(**where))
    assert lab_fixture.client("s3", lab_fixture.admin(lab_fixture.hub)).get_object(**where)["Body"].read() == b"{}"


def test_the_functions_do_not_move_policy_or_kill_switch(lab_fixture: LabFixture) -> None:
    table = lab_fixture.lab.settings.table
    key = {"pk": {"S": "control"}, "sk": {"S": "control"}}
    for function in ("intake", "release"):
        dynamodb = lab_fixture.client("dynamodb", lab_fixture.function(function))
        refused(
            lambda dynamodb=dynamodb, function=function: dynamodb.update_item(
                TableName=table,
                Key=key,
                UpdateExpression="SET twin = :twin",
                ExpressionAttributeValues={":twin": {"S": function}},
            )
        )
        dynamodb.put_item(TableName=table, Item={"pk": {"S": f"twin#{function}"}, "sk": {"S": "twin"}})
    intake = lab_fixture.client("dynamodb", lab_fixture.function("intake"))
    assert intake.get_item(TableName=table, Key=key)["Item"]


def test_a_locked_host_stays_as_it_is_whoever_is_administrator(lab_fixture: LabFixture, neighbour: LabHost) -> None:
    locked = lab_fixture.new_host()
    own = lab_fixture.entry(locked)
    tags = [
        {"Key": "status", "Value": "isolated"},
        {"Key": "cordon:incident", "Value": own.parameters["SourceIdentity"]},
    ]
    contain = lab_fixture.client("ec2", own.by(lab_fixture.function("intake")), locked.region)
    contain.create_tags(Resources=[locked.instance], Tags=tags)

    admin = lab_fixture.client("ec2", lab_fixture.admin(PAYMENTS), locked.region)
    assert "explicit deny" in refused(lambda: admin.terminate_instances(InstanceIds=[locked.instance]))
    assert "explicit deny" in refused(lambda: admin.delete_tags(Resources=[locked.instance], Tags=tags))
    assert "explicit deny" in refused(lambda: admin.create_tags(Resources=[neighbour.instance], Tags=tags))
    admin.create_tags(Resources=[neighbour.instance], Tags=[{"Key": "team", "Value": "payments"}])
    admin.stop_instances(InstanceIds=[lab_fixture.new_host().instance])
