# SPDX-License-Identifier: Apache-2.0
"""From a finding to a contained host and back, through everything that is deployed, with IAM enforced."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions import names
from functions.incident.model import Incident, State, StepOutcome
from hub.lab.follow import Followed
from hub.lab.hosts import LabHost
from tests.lab.fixture import PAYMENTS, LabFixture, denied

pytestmark = pytest.mark.lab

CLASSIC = "hub/demo/findings/command-and-control.json"
V2 = "hub/demo/findings/command-and-control-v2.json"
NATIVE = "hub/demo/findings/tor-client.json"
MINING_V2 = "hub/demo/findings/cryptomining.json"
SAMPLE = "hub/demo/findings/sample.json"


def only(followed: Followed) -> Incident:
    (incident,) = followed.incidents
    return incident


def seen(lab_fixture: LabFixture, host: LabHost) -> dict[str, Any]:
    """Return a host as its own account's administrator sees it."""
    ec2 = lab_fixture.client("ec2", lab_fixture.admin(host.account), host.region)

    def attribute(name: str) -> Any:
        found = ec2.describe_instance_attribute(InstanceId=host.instance, Attribute=name)
        return found[name[0].upper() + name[1:]]["Value"]

    (instance,) = ec2.describe_instances(InstanceIds=[host.instance])["Reservations"][0]["Instances"]
    return {
        "groups": lab_fixture.now(host).groups,
        "termination protection": attribute("disableApiTermination"),
        "stop protection": attribute("disableApiStop"),
        "volumes go with it": [each["Ebs"]["DeleteOnTermination"] for each in instance["BlockDeviceMappings"]],
        "tags": {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])},
    }


def snapshots(lab_fixture: LabFixture, host: LabHost, incident: Incident) -> list[dict[str, Any]]:
    ec2 = lab_fixture.client("ec2", lab_fixture.admin(host.account), host.region)
    tag = names.incident_tag(lab_fixture.lab.world.qualifier)
    found: list[dict[str, Any]] = ec2.describe_snapshots(
        OwnerIds=["self"], Filters=[{"Name": f"tag:{tag}", "Values": [incident.id]}]
    )["Snapshots"]
    return found


def test_a_finding_contains_the_host_and_a_release_puts_it_back(lab_fixture: LabFixture) -> None:
    host = lab_fixture.new_host()
    before = seen(lab_fixture, host)

    followed = lab_fixture.report(CLASSIC, host)
    incident = only(followed)
    assert followed.outcome == "acted"
    assert incident.state is State.CONTAINED
    skipped = {step.name for step in incident.steps if step.outcome is StepOutcome.SKIPPED}
    assert skipped == {"scaling", "targets", "role_denial", "users"}, "a host in no group, without a role or a user"
    assert {step.outcome for step in incident.steps if step.name not in skipped} == {StepOutcome.DONE}

    after = seen(lab_fixture, host)
    worn = {group for groups in after["groups"] for group in groups}
    assert len(worn) == 1
    assert worn.isdisjoint(group for groups in before["groups"] for group in groups)
    assert after["termination protection"] is True
    assert after["stop protection"] is True
    assert after["volumes go with it"] == [False, False]
    tag = names.incident_tag(lab_fixture.lab.world.qualifier)
    assert after["tags"] == {**before["tags"], "status": "isolated", tag: incident.id}
    assert {each["VolumeId"] for each in snapshots(lab_fixture, host, incident)} == set(host.volumes)

    asked = {
        "FunctionName": names.function(lab_fixture.lab.world.qualifier, names.RELEASE),
        "Payload": json.dumps({"incident": incident.id, "by": "the lab"}),
    }
    with pytest.raises(ClientError) as refused:
        lab_fixture.client("lambda", lab_fixture.admin(lab_fixture.hub)).invoke(**asked)
    assert "explicit deny" in denied(refused.value)
    assert seen(lab_fixture, host) == after
    answer = lab_fixture.client("lambda", lab_fixture.operator()).invoke(**asked)
    released = json.load(answer["Payload"])
    assert (released["error"], released["state"]) == (None, "released")
    assert seen(lab_fixture, host) == before
    assert len(snapshots(lab_fixture, host, incident)) == 2, "the evidence stays"


def test_what_happened_is_kept_and_told(lab_fixture: LabFixture) -> None:
    queue = lab_fixture.notices()
    host = lab_fixture.new_host()
    incident = only(lab_fixture.report(CLASSIC, host))

    storage = lab_fixture.client("s3", lab_fixture.admin(lab_fixture.hub))
    bucket = lab_fixture.lab.settings.evidence_bucket
    kept = storage.list_objects_v2(Bucket=bucket, Prefix=f"incidents/{incident.id}/finding").get("Contents", [])
    assert kept, storage.list_objects_v2(Bucket=bucket)
    event = json.loads(storage.get_object(Bucket=bucket, Key=kept[0]["Key"])["Body"].read())
    assert event["detail"]["findings"][0]["Id"] in incident.findings

    told = queue.until(incident.id)
    assert host.instance in told
    assert "contained" in told


@pytest.mark.parametrize("file", [V2, NATIVE])
def test_every_dialect_arrives(lab_fixture: LabFixture, file: str) -> None:
    host = lab_fixture.new_host()
    followed = lab_fixture.report(file, host)
    assert followed.outcome == "acted", followed.reason
    assert lab_fixture.now(host).groups != host.groups


def test_a_finding_of_another_region_is_forwarded(lab_fixture: LabFixture) -> None:
    host = lab_fixture.new_host(region="us-east-1")
    followed = lab_fixture.report(NATIVE, host)
    assert followed.outcome == "acted", followed.reason
    assert lab_fixture.now(host).groups != host.groups


def test_a_sample_is_never_enforced(lab_fixture: LabFixture) -> None:
    host = lab_fixture.new_host()
    assert lab_fixture.report(SAMPLE, host).outcome != "acted"
    assert lab_fixture.now(host).groups == host.groups


def test_policy_decides_by_account(lab_fixture: LabFixture) -> None:
    host = lab_fixture.new_host("555566667777")
    followed = lab_fixture.report(CLASSIC, host)
    assert followed.outcome == "awaiting-approval"
    assert lab_fixture.now(host).groups == host.groups


def test_both_stack_sets_reach_their_accounts(lab_fixture: LabFixture) -> None:
    world = lab_fixture.lab.world
    reached = {account for account, member in world.ours.members.items() if member.ou != "/"}
    expected = {names.member_role(world.qualifier, purpose) for purpose in ("contain", "release")}
    for account in reached:
        iam = lab_fixture.client("iam", lab_fixture.admin(account))
        roles = iam.list_roles(PathPrefix=names.iam_path(world.qualifier))["Roles"]
        assert expected <= {role["RoleName"] for role in roles}, account
    stacks = {
        account: [
            stack["StackName"]
            for stack in lab_fixture.client("cloudformation", lab_fixture.admin(account)).describe_stacks()["Stacks"]
            if stack["StackName"].startswith("StackSet-")
        ]
        for account in reached
    }
    assert {stack.rpartition("-members-")[2].split("-")[0] for each in stacks.values() for stack in each} == {
        "canary",
        "rest",
    }
    assert all(len(each) == 1 for each in stacks.values())
    assert PAYMENTS in reached


def test_no_stack_set_reaches_the_management_account(lab_fixture: LabFixture) -> None:
    world = lab_fixture.lab.world
    iam = lab_fixture.client("iam", lab_fixture.admin(world.ours.management))
    assert iam.list_roles(PathPrefix=names.iam_path(world.qualifier))["Roles"] == []
