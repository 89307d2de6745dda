# SPDX-License-Identifier: Apache-2.0
"""A host in service, with a role: out of everything and back, with IAM enforced for every service that takes part."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from functions import names
from functions.incident.model import Incident, State, StepOutcome
from hub.lab.hosts import LabHost
from tests.lab.fixture import PAYMENTS, LabFixture
from tests.lab.test_denials import Member, refused
from tests.lab.test_end_to_end import CLASSIC, only

pytestmark = pytest.mark.lab

ROLE = "storefront"


@dataclass(frozen=True)
class InService:
    """Two hosts of one role, in a scaling group and in a target group."""

    lab_fixture: LabFixture
    hosts: tuple[LabHost, ...]
    targets: str

    def state(self) -> dict[str, Any]:
        """Return what the account's administrator sees of it all."""
        lab_fixture = self.lab_fixture
        admin, region = lab_fixture.admin(PAYMENTS), lab_fixture.region
        scaling, balancing, iam = (lab_fixture.client(each, admin, region) for each in ("autoscaling", "elbv2", "iam"))
        named = [host.instance for host in self.hosts]
        members = scaling.describe_auto_scaling_instances(InstanceIds=named)["AutoScalingInstances"]
        targets = balancing.describe_target_health(TargetGroupArn=self.targets)["TargetHealthDescriptions"]
        role = iam.get_role(RoleName=ROLE)["Role"]
        attached = iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"]
        return {
            "members": {each["InstanceId"]: each["LifecycleState"] for each in members},
            "targets": {each["Target"]["Id"] for each in targets if each["TargetHealth"]["State"] != "draining"},
            "tags": {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])},
            "attached": {each["PolicyName"] for each in attached},
        }


@pytest.fixture(scope="module")
def service(lab_fixture: LabFixture) -> InService:
    builder = lab_fixture.builder()
    group, profile = builder.group("storefront", 443), builder.profile(ROLE, "/shop/")
    hosts = tuple(builder.host(f"storefront-{number}", ((group,),), profile=profile) for number in (1, 2))
    return InService(lab_fixture, hosts, builder.in_service("storefront", hosts))


def test_it_goes_out_of_service_and_back(lab_fixture: LabFixture, service: InService) -> None:
    host, other = service.hosts
    before = service.state()
    incident: Incident = only(lab_fixture.report(CLASSIC, host))
    assert incident.state is State.CONTAINED, incident.steps
    outcomes = {step.name: step.outcome for step in incident.steps}
    assert {outcomes[name] for name in ("scaling", "targets", "isolate", "capture", "role_denial")} == {
        StepOutcome.DONE
    }

    after = service.state()
    assert after["members"] == {**before["members"], host.instance: "Standby"}
    assert after["targets"] == {other.instance}
    arn = f"arn:aws:ec2:{host.region}:{host.account}:instance/{host.instance}"
    assert after["tags"] == {names.denied_tag("cordon", 1): arn, names.denied_way_in_tag("cordon", 1): arn}
    assert after["attached"] == {"cordon-denial"}

    asked = {
        "FunctionName": names.function(lab_fixture.lab.world.qualifier, names.RELEASE),
        "Payload": json.dumps({"incident": incident.id, "by": "the lab"}),
    }
    released = json.load(lab_fixture.client("lambda", lab_fixture.operator()).invoke(**asked)["Payload"])
    assert (released["error"], released["state"]) == (None, "released"), released
    assert service.state() == before


def test_the_contain_role_writes_slots_and_no_other_tag(lab_fixture: LabFixture, service: InService) -> None:
    iam = lab_fixture.client("iam", Member(lab_fixture, service.hosts[0]).keys)
    slot, other = ({"Key": key, "Value": "x"} for key in (names.denied_tag("cordon", 4), "team"))
    for tags in ([other], [slot, other]):
        assert "iam:TagRole" in refused(lambda tags=tags: iam.tag_role(RoleName=ROLE, Tags=tags))
    iam.tag_role(RoleName=ROLE, Tags=[slot])
    assert "iam:UntagRole" in refused(lambda: iam.untag_role(RoleName=ROLE, TagKeys=[slot["Key"]]))
    lab_fixture.client("iam", lab_fixture.admin(PAYMENTS)).untag_role(RoleName=ROLE, TagKeys=[slot["Key"]])


def test_it_attaches_the_denial_and_no_other_policy(lab_fixture: LabFixture, service: InService) -> None:
    iam = lab_fixture.client("iam", Member(lab_fixture, service.hosts[0]).keys)
    denial = f"arn:aws:iam::{PAYMENTS}:policy/cordon/cordon-denial"
    for policy in (
        "arn:aws:iam::aws:policy/AdministratorAccess",
        f"arn:aws:iam::{PAYMENTS}:policy/cordon/cordon-contain",
    ):
        refused(lambda policy=policy: iam.attach_role_policy(RoleName=ROLE, PolicyArn=policy))
    iam.attach_role_policy(RoleName=ROLE, PolicyArn=denial)
    refused(lambda: iam.attach_role_policy(RoleName="cordon-contain", PolicyArn=denial))
    lab_fixture.client("iam", lab_fixture.admin(PAYMENTS)).detach_role_policy(RoleName=ROLE, PolicyArn=denial)


def test_it_takes_out_of_service_and_does_not_put_back(lab_fixture: LabFixture, service: InService) -> None:
    keys, host = Member(lab_fixture, service.hosts[1]).keys, service.hosts[1]
    scaling, balancing = (lab_fixture.client(each, keys, host.region) for each in ("autoscaling", "elbv2"))
    target = {"TargetGroupArn": service.targets, "Targets": [{"Id": host.instance}]}
    assert "RegisterTargets" in refused(lambda: balancing.register_targets(**target))
    member = {"AutoScalingGroupName": "storefront", "InstanceIds": [host.instance]}
    assert "ExitStandby" in refused(lambda: scaling.exit_standby(**member))
    told = refused(lambda: scaling.update_auto_scaling_group(AutoScalingGroupName="storefront", MinSize=0))
    assert "UpdateAutoScalingGroup" in told
    elsewhere = lab_fixture.client("autoscaling", keys, "us-east-1")
    refused(elsewhere.describe_auto_scaling_groups)
