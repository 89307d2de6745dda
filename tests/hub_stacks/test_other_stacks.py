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
from tests.docs.pages import table
from tests.hub_stacks.conftest import Synthesise
from tests.hub_stacks.synthesised import Synthesised, Template, of_type, rises_of, text


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
    import aws_cdk

    from hub.stacks.members import MembersStack

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


def test_what_cannot_be_forwarded_waits_where_it_was_found(deployment: Synthesised) -> None:
    template = deployment.templates["cordon-forwarder-us-east-1"]
    (queue,) = of_type(template, "AWS::SQS::Queue").values()
    (policy,) = of_type(template, "AWS::SQS::QueuePolicy").values()
    rules = of_type(template, "AWS::Events::Rule")
    letters = f"arn:P:sqs:R:A:{names.not_forwarded('cordon')}"
    assert (queue["QueueName"], queue["MessageRetentionPeriod"]) == (names.not_forwarded("cordon"), 14 * 86400)
    for name, rule in rules.items():
        assert [text(template, each["DeadLetterConfig"]["Arn"]) for each in rule["Targets"]] == [letters]
        assert set(of_type(template, "AWS::SQS::QueuePolicy")) <= set(template["Resources"][name]["DependsOn"])
    (let_in,) = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    assert (let_in["Principal"], text(template, let_in["Resource"])) == ({"Service": "events.amazonaws.com"}, letters)
    assert {text(template, each) for each in let_in["Condition"]["ArnEquals"]["aws:SourceArn"]} == {
        f"arn:P:events:us-east-1:111111111111:rule/{rule['Name']}" for rule in rules.values()
    }


def test_that_it_waits_is_told_in_the_same_region(deployment: Synthesised) -> None:
    template = deployment.templates["cordon-forwarder-us-east-1"]
    (alarm,) = of_type(template, "AWS::CloudWatch::Alarm").values()
    (subscription,) = of_type(template, "AWS::SNS::Subscription").values()
    topic = f"arn:P:sns:R:A:{names.topic('cordon')}"
    assert rises_of(template, alarm) == names.not_forwarded("cordon")
    assert [text(template, each) for each in alarm["AlarmActions"]] == [topic]
    assert (text(template, subscription["TopicArn"]), subscription["Endpoint"]) == (topic, "soc@example.com")
    (policy,) = of_type(template, "AWS::SNS::TopicPolicy").values()
    (let_in,) = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    source = text(template, let_in["Condition"]["ArnLike"]["aws:SourceArn"])
    assert source == "arn:P:cloudwatch:us-east-1:111111111111:alarm:cordon-*"


def test_detection_stays_on_whatever_becomes_of_its_stack(deployment: Synthesised) -> None:
    resources = deployment.templates["cordon-detection"]["Resources"].values()
    assert len(resources) == 6
    for each in resources:
        assert (each["DeletionPolicy"], each["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_the_page_says_what_to_do_about_every_alarm(deployment: Synthesised) -> None:
    assert set(table("docs/rollout.md", "alarm")) == {
        alarm["AlarmName"] for _, _, alarm in deployment.resources("AWS::CloudWatch::Alarm")
    }
