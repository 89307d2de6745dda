# SPDX-License-Identifier: Apache-2.0
"""The stack sets that roll the member template out, and the rules that forward from other Regions."""

from __future__ import annotations

import json

import pytest

from functions import names
from hub.deployment.model import Rollout
from member_stacks.props import MemberProps
from member_stacks.template import member_template
from tests.deployment.made import settings
from tests.hub_stacks.conftest import Synthesise
from tests.hub_stacks.synthesised import Synthesised, Template, of_type, text


@pytest.fixture
def members(deployment: Synthesised) -> Template:
    return deployment.templates["cordon-members"]


def test_the_stack_sets_are_of_disjoint_units_and_the_rest_waits(members: Template) -> None:
    sets = {
        resource["Properties"]["StackSetName"]: resource
        for resource in members["Resources"].values()
        if resource["Type"] == "AWS::CloudFormation::StackSet"
    }
    assert set(sets) == {"cordon-members-canary", "cordon-members-rest"}
    units = [
        each["Properties"]["StackInstancesGroup"][0]["DeploymentTargets"]["OrganizationalUnitIds"]
        for each in sets.values()
    ]
    assert units == [["ou-abcd-11111111"], ["ou-abcd-22222222"]]
    (canary,) = [name for name, each in members["Resources"].items() if each == sets["cordon-members-canary"]]
    assert sets["cordon-members-rest"]["DependsOn"] == [canary]


def test_a_stack_set_is_what_was_decided(members: Template) -> None:
    for properties in of_type(members, "AWS::CloudFormation::StackSet").values():
        (group,) = properties["StackInstancesGroup"]
        assert group["Regions"] == ["eu-west-1"]
        assert properties["PermissionModel"] == "SERVICE_MANAGED"
        assert properties["CallAs"] == "DELEGATED_ADMIN"
        assert properties["Capabilities"] == ["CAPABILITY_NAMED_IAM"]
        assert properties["AutoDeployment"] == {"Enabled": True, "RetainStacksOnAccountRemoval": True}
        assert properties["OperationPreferences"] == {"MaxConcurrentPercentage": 25, "FailureTolerancePercentage": 10}


def test_both_carry_the_member_template(members: Template) -> None:
    made = settings()
    props = MemberProps(
        qualifier=made.qualifier,
        organization=made.organization,
        hub_account=made.hub,
        forensics_account=made.forensics,
        regions=made.regions,
        identity=made.rollout.identity,
    )
    for properties in of_type(members, "AWS::CloudFormation::StackSet").values():
        assert json.loads(properties["TemplateBody"]) == member_template(props)
        assert len(properties["TemplateBody"].encode()) <= 51_200
        assert "\n" not in properties["TemplateBody"]


def test_the_settings_say_how_fast_and_what(synthesise: Synthesise) -> None:
    rollout = Rollout(("ou-abcd-33333333",), ("ou-abcd-44444444", "ou-abcd-55555555"), 50, 0, identity=True)
    found = synthesise(rollout=rollout).templates["cordon-members"]
    _, rest = of_type(found, "AWS::CloudFormation::StackSet").values()
    assert rest["OperationPreferences"] == {"MaxConcurrentPercentage": 50, "FailureTolerancePercentage": 0}
    assert rest["StackInstancesGroup"][0]["DeploymentTargets"]["OrganizationalUnitIds"] == list(rollout.rest)
    assert f"cordon-{names.IDENTITY}" in rest["TemplateBody"]


def test_a_template_that_stack_sets_would_refuse_is_refused_here(synthesise: Synthesise) -> None:
    assert synthesise  # Node.js is found by its fixture
    import aws_cdk  # noqa: PLC0415

    from hub.stacks.members import MembersStack  # noqa: PLC0415

    with pytest.raises(ValueError, match="the member template has 51201 bytes, StackSets takes 51200 at most"):
        MembersStack(aws_cdk.App(), "Members", settings=settings(), body="x" * 51_201)


def test_a_forwarder_puts_events_on_the_home_bus_and_nothing_else(deployment: Synthesised) -> None:
    template = deployment.templates["cordon-forwarder-us-east-1"]
    (role,) = of_type(template, "AWS::IAM::Role").values()
    ((statement,),) = [each["PolicyDocument"]["Statement"] for each in role["Policies"]]
    bus = text(template, statement["Resource"])
    assert (statement["Action"], bus) == ("events:PutEvents", "arn:P:events:eu-west-1:111111111111:event-bus/default")
    assert role["RoleName"] == names.hub_role("cordon", "forwarder-us-east-1")
    rules = of_type(template, "AWS::Events::Rule").values()
    for rule in rules:
        (target,) = rule["Targets"]
        assert text(template, target["Arn"]) == bus
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert {text(template, each) for each in trust["Condition"]["ArnEquals"]["aws:SourceArn"]} == {
        f"arn:P:events:us-east-1:111111111111:rule/{rule['Name']}" for rule in rules
    }


def test_what_is_forwarded_is_what_security_hub_may_not_bring(deployment: Synthesised) -> None:
    template = deployment.templates["cordon-forwarder-us-east-1"]
    kinds = {
        kind for rule in of_type(template, "AWS::Events::Rule").values() for kind in rule["EventPattern"]["detail-type"]
    }
    assert kinds == {"GuardDuty Finding", "Findings Imported V2"}
