# SPDX-License-Identifier: Apache-2.0
"""What the hub's stack must be, beyond what a golden file shows: limits that hang together, exact grants."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from functions import names
from functions.finding.model import Finding, RefusalKind
from functions.finding.parse import parse
from functions.incident.items import CONTROL_KEY
from functions.settings import Settings
from hub.simulation.world_spec import Profile
from hub.stacks.dialects import DIALECTS
from tests.docs.test_records import forget_directory
from tests.end_to_end.hosts import bundle as shipped
from tests.finding.findings import asff
from tests.hub_stacks.synthesised import Synthesised, named, of_type, rises_of, text
from tests.scenario import ACCOUNT, INSTANCE, REGION, instance, open_scenario

EVENTS = Path(__file__).parents[1] / "events"
FUNCTIONS = ("intake", "release", "watch")


def function(deployment: Synthesised, purpose: str) -> Mapping[str, Any]:
    return named(deployment.hub, "AWS::Lambda::Function", "FunctionName", names.function("cordon", purpose))


def statements(deployment: Synthesised, purpose: str) -> list[Mapping[str, Any]]:
    role = named(deployment.hub, "AWS::IAM::Role", "RoleName", names.hub_role("cordon", purpose))
    (policy,) = role["Policies"]
    assert "ManagedPolicyArns" not in role
    return list(policy["PolicyDocument"]["Statement"])


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def granted(deployment: Synthesised, purpose: str) -> dict[str, set[str]]:
    """Return the resources of every action that a function's role is allowed."""
    found: dict[str, set[str]] = {}
    for statement in statements(deployment, purpose):
        if statement["Effect"] == "Allow":
            resources = {text(deployment.hub, each) for each in listed(statement["Resource"])}
            for action in listed(statement["Action"]):
                found.setdefault(action, set()).update(resources)
    return found


@pytest.mark.parametrize("purpose", FUNCTIONS)
def test_a_function_reads_its_settings_from_what_it_is_given(deployment: Synthesised, purpose: str) -> None:
    given = function(deployment, purpose)["Environment"]["Variables"]
    environment = {name: text(deployment.hub, value) for name, value in given.items()}
    assert Settings.from_env({**environment, "AWS_REGION": "eu-west-1"}) == Settings(
        organization="o-exampleorgid",
        hub_account="111111111111",
        forensics_account="222222222222",
        home_region="eu-west-1",
        qualifier="cordon",
        table=names.table("cordon"),
        policy_bucket=names.policy_bucket("cordon", "111111111111", "eu-west-1"),
        evidence_bucket=names.evidence_bucket("cordon", "111111111111", "eu-west-1"),
        topic=f"arn:P:sns:R:A:{names.topic('cordon')}",
        lease_seconds=90,
        ceiling_per_hour=50,
    )


@pytest.mark.parametrize("purpose", FUNCTIONS)
def test_a_function_is_what_was_decided(deployment: Synthesised, purpose: str) -> None:
    properties = function(deployment, purpose)
    assert (properties["Architectures"], properties["Runtime"]) == (["arm64"], "python3.13")
    assert "ReservedConcurrentExecutions" not in properties
    assert properties["Timeout"] < int(properties["Environment"]["Variables"]["CORDON_LEASE_SECONDS"])
    module, _, entry = properties["Handler"].rpartition(".")
    assert (deployment.code / Path(*module.split("."))).with_suffix(".py").read_text().count(f"def {entry}(") == 1
    logs = named(deployment.hub, "AWS::Logs::LogGroup", "LogGroupName", names.log_group("cordon", purpose))
    assert logs["RetentionInDays"] == 365
    assert deployment.hub["Resources"][properties["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"] == logs


def test_the_queue_waits_for_the_function(deployment: Synthesised) -> None:
    queue = named(deployment.hub, "AWS::SQS::Queue", "QueueName", names.queue("cordon"))
    letters = named(deployment.hub, "AWS::SQS::Queue", "QueueName", names.dead_letters("cordon"))
    assert queue["VisibilityTimeout"] >= 6 * function(deployment, "intake")["Timeout"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert text(deployment.hub, queue["RedrivePolicy"]["deadLetterTargetArn"]).endswith(letters["QueueName"])
    assert queue["MessageRetentionPeriod"] == letters["MessageRetentionPeriod"] == 14 * 86400
    assert queue["SqsManagedSseEnabled"] is letters["SqsManagedSseEnabled"] is True


def test_the_brake_is_on_the_event_source(deployment: Synthesised) -> None:
    (mapping,) = [
        each for each in of_type(deployment.hub, "AWS::Lambda::EventSourceMapping").values() if "ScalingConfig" in each
    ]
    assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] * 15 <= function(deployment, "intake")["Timeout"]


def test_what_is_kept_outlives_the_stack(deployment: Synthesised) -> None:
    kept = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Logs::LogGroup"}
    for name, resource in deployment.hub["Resources"].items():
        letters = resource.get("Properties", {}).get("QueueName") == names.dead_letters("cordon")
        assert (resource.get("DeletionPolicy") == "Retain") == (resource["Type"] in kept or letters), name


def test_what_a_rule_cannot_deliver_lies_with_the_dead_letters(deployment: Synthesised) -> None:
    found = {
        rule["Name"]: [text(deployment.hub, each["DeadLetterConfig"]["Arn"]) for each in rule["Targets"]]
        for rule in of_type(deployment.hub, "AWS::Events::Rule").values()
        if "EventPattern" in rule
    }
    letters = f"arn:P:sqs:R:A:{names.dead_letters('cordon')}"
    assert found == {names.rule("cordon", dialect.name): [letters] for dialect in DIALECTS}


def test_no_rule_is_there_before_the_queues_let_it_in(deployment: Synthesised) -> None:
    policies = set(of_type(deployment.hub, "AWS::SQS::QueuePolicy"))
    assert len(policies) == 2
    for resource in deployment.hub["Resources"].values():
        if resource["Type"] == "AWS::Events::Rule" and "EventPattern" in resource["Properties"]:
            assert policies <= set(resource["DependsOn"])


def test_each_further_dead_letter_is_told(deployment: Synthesised) -> None:
    alarm = named(deployment.hub, "AWS::CloudWatch::Alarm", "AlarmName", names.alarm("cordon", "dead-letters"))
    assert rises_of(deployment.hub, alarm) == names.dead_letters("cordon")
    assert [text(deployment.hub, each) for each in alarm["AlarmActions"]] == [f"arn:P:sns:R:A:{names.topic('cordon')}"]


def test_no_change_of_the_control_record_is_missed(deployment: Synthesised) -> None:
    (mapping,) = [
        each for each in of_type(deployment.hub, "AWS::Lambda::EventSourceMapping").values() if "FilterCriteria" in each
    ]
    letters = f"arn:P:sqs:R:A:{names.dead_letters('cordon')}"
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert text(deployment.hub, mapping["DestinationConfig"]["OnFailure"]["Destination"]) == letters
    assert granted(deployment, names.WATCH)["sqs:SendMessage"] == {letters}


def test_a_release_that_failed_is_not_tried_again_by_itself(deployment: Synthesised) -> None:
    (config,) = of_type(deployment.hub, "AWS::Lambda::EventInvokeConfig").values()
    assert text(deployment.hub, config["FunctionName"]) == names.function("cordon", names.RELEASE)
    assert (config["Qualifier"], config["MaximumRetryAttempts"]) == ("$LATEST", 0)


def test_evidence_is_locked_and_nothing_comes_without_tls(deployment: Synthesised) -> None:
    evidence = named(
        deployment.hub, "AWS::S3::Bucket", "BucketName", names.evidence_bucket("cordon", "111111111111", "eu-west-1")
    )
    assert evidence["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {"Days": 365, "Mode": "GOVERNANCE"}
    assert evidence["VersioningConfiguration"] == {"Status": "Enabled"}
    policies = [
        each["PolicyDocument"]["Statement"]
        for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
        for each in of_type(deployment.hub, kind).values()
    ]
    assert len(policies) == 5
    for policy in policies:
        assert any(
            each["Effect"] == "Deny" and each["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for each in policy
        )


def test_services_are_let_in_for_this_accounts_resources_alone(deployment: Synthesised) -> None:
    allowed = [
        statement
        for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
        for each in of_type(deployment.hub, kind).values()
        for statement in each["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert len(allowed) == 3
    for statement in allowed:
        keys = {key for conditions in statement["Condition"].values() for key in conditions}
        assert keys == {"aws:SourceArn", "aws:SourceAccount"}
    let_in = {
        text(deployment.hub, each["Resource"]): {
            text(deployment.hub, rule) for rule in each["Condition"]["ArnEquals"]["aws:SourceArn"]
        }
        for each in allowed
        if "ArnEquals" in each["Condition"]
    }
    place = "arn:P:events:eu-west-1:111111111111:rule"
    rules = {f"{place}/{names.rule('cordon', dialect.name)}" for dialect in DIALECTS}
    queues = (names.queue("cordon"), names.dead_letters("cordon"))
    assert let_in == {f"arn:P:sqs:R:A:{queue}": rules for queue in queues}


OPEN_ENDED = {
    "intake": {
        "arn:P:s3:::cordon-policy-111111111111-eu-west-1/bundles/*",
        "arn:P:s3:::cordon-policy-111111111111-eu-west-1/directory/*",
        "arn:P:s3:::cordon-evidence-111111111111-eu-west-1/incidents/*",
        "arn:P:organizations::333333333333:account/o-exampleorgid/*",
        "arn:P:organizations::333333333333:ou/o-exampleorgid/ou-*",
        "arn:P:iam::*:role/cordon/cordon-contain",
    },
    "release": {"arn:P:iam::*:role/cordon/cordon-release"},
    "watch": set(),
}


@pytest.mark.parametrize("purpose", FUNCTIONS)
def test_every_grant_names_its_resources(deployment: Synthesised, purpose: str) -> None:
    found = granted(deployment, purpose)
    assert [action for action in found if "*" in action] == []
    resources = {resource for each in found.values() for resource in each}
    logs = {resource for resource in resources if resource.startswith("arn:P:logs:")}
    assert logs == {f"arn:P:logs:R:A:log-group:{names.log_group('cordon', purpose)}:*"}
    assert {resource for resource in resources - logs if "*" in resource} == OPEN_ENDED[purpose]


@pytest.mark.parametrize(("purpose", "role"), [("intake", "contain"), ("release", "release")])
def test_a_function_enters_members_by_one_role(deployment: Synthesised, purpose: str, role: str) -> None:
    (entering,) = [each for each in statements(deployment, purpose) if "sts:AssumeRole" in each["Action"]]
    assert set(entering["Action"]) == {"sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"}
    assert text(deployment.hub, entering["Resource"]) == f"arn:P:iam::*:role/cordon/{names.member_role('cordon', role)}"
    assert entering["Condition"]["StringEquals"] == {"aws:ResourceOrgID": "o-exampleorgid"}


BY_LAMBDA_ITSELF = {"Logs", "Queue", "Stream", "DeadLetters"}
"""Statements for what Lambda calls in the function's name."""


@pytest.mark.parametrize("purpose", FUNCTIONS)
def test_credentials_are_worth_nothing_outside_of_their_function(deployment: Synthesised, purpose: str) -> None:
    bound = {
        each["Sid"]: [
            text(deployment.hub, function) for function in each.get("Condition", {}).get("ArnEquals", {}).values()
        ]
        for each in statements(deployment, purpose)
    }
    within = [f"arn:P:lambda:eu-west-1:111111111111:function:{names.function('cordon', purpose)}"]
    anywhere = BY_LAMBDA_ITSELF | {"NeitherKillSwitchNorPointers"}
    assert bound == {sid: [] if sid in anywhere else within for sid in bound}
    for each in statements(deployment, purpose):
        assert set(each.get("Condition", {}).get("ArnEquals", {})) <= {"lambda:SourceFunctionArn"}


def test_no_function_can_touch_the_kill_switch(deployment: Synthesised) -> None:
    for purpose in ("intake", "release"):
        (denied,) = [each for each in statements(deployment, purpose) if each["Effect"] == "Deny"]
        assert denied["Condition"] == {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": [CONTROL_KEY["pk"]]}}
        reads = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}
        of_the_table = {action for action in granted(deployment, purpose) if action.startswith("dynamodb:")}
        assert of_the_table - reads <= set(denied["Action"])


def needed(calls: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the permissions that the hub's own calls take."""
    found: set[str] = set()
    for call in calls:
        if call["operation"] == "TransactWriteItems":
            found |= {f"dynamodb:{kind}Item" for write in call["parameters"]["TransactItems"] for kind in write}
        elif call["service"] in {"dynamodb", "s3", "sns", "organizations", "sts"}:
            found.add(f"{call['service']}:{call['operation']}")
    return found


@pytest.fixture(scope="module")
def used() -> dict[str, set[str]]:
    """Contain a host in an account that the directory lacks, see it again, release it: which permissions that takes."""
    finding = asff("Backdoor:EC2/C&CActivity.B!DNS", account=ACCOUNT, region=REGION, instances=(INSTANCE,))
    host = instance(profile=Profile("app-profile", "app-role"))
    with open_scenario(shipped(), host, warm=True) as scenario:
        forget_directory(scenario)
        scenario.deliver(finding)
        scenario.deliver({**finding, "Id": f"{finding['Id'][:-4]}ffff"})
        contained = len(scenario.simulation.calls)
        scenario.deployment.release(scenario.incident.id)
        calls = scenario.simulation.calls
        return {"intake": needed(calls[:contained]), "release": needed(calls[contained:])}


BY_LAMBDA = ("logs:", "sqs:")
"""What the service does in the function's name."""
WITH_ASSUME_ROLE = {"sts:SetSourceIdentity", "sts:TagSession"}


@pytest.mark.parametrize("purpose", ["intake", "release"])
def test_a_function_may_do_what_it_does_and_nothing_else(
    deployment: Synthesised, used: dict[str, set[str]], purpose: str
) -> None:
    allowed = {action for action in granted(deployment, purpose) if not action.startswith(BY_LAMBDA)}
    assert allowed - WITH_ASSUME_ROLE == used[purpose]


def fits(pattern: Any, value: Any) -> bool:
    """Tell whether an EventBridge pattern, of the words that are used here, fits an event."""
    if isinstance(pattern, Mapping):
        if isinstance(value, list):
            return any(fits(pattern, each) for each in value)
        return isinstance(value, Mapping) and all(_holds(key, inner, value) for key, inner in pattern.items())
    values = value if isinstance(value, list) else [value]
    return any(_is(word, each) for word in pattern for each in values)


def _holds(key: str, inner: Any, value: Mapping[str, Any]) -> bool:
    return any(fits(each, value) for each in inner) if key == "$or" else fits(inner, value.get(key))


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "suffix": str.endswith,
    "equals-ignore-case": lambda value, wanted: value.casefold() == wanted.casefold(),
    "wildcard": fnmatchcase,
}


def _is(word: Any, value: Any) -> bool:
    if isinstance(word, Mapping):
        ((operator, wanted),) = word.items()
        return isinstance(value, str) and OPERATORS[operator](value, wanted)
    return bool(word == value)


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_what_can_be_read_comes_in_by_exactly_one_rule(path: Path) -> None:
    event = json.loads(path.read_text(encoding="utf-8"))
    rules = [dialect.name for dialect in DIALECTS if fits(dialect.pattern, event)]
    read = list(parse(event))
    to_be_told = any(isinstance(each, Finding) or each.kind is RefusalKind.REJECTED for each in read)
    assert len(rules) <= 1
    assert bool(rules) or not to_be_told


def test_another_products_findings_stay_outside_and_forged_ones_come_in_to_be_refused_aloud() -> None:
    came_in = {
        name: [dialect.name for dialect in DIALECTS if fits(dialect.pattern, json.loads((EVENTS / name).read_text()))]
        for name in ("classic-other-product.json", "classic-forged-product.json")
    }
    assert came_in == {"classic-other-product.json": [], "classic-forged-product.json": ["security-hub-imported"]}


def test_every_dialect_has_an_event_that_comes_in_by_its_rule() -> None:
    events = [json.loads(path.read_text(encoding="utf-8")) for path in EVENTS.glob("*.json")]
    assert all(any(fits(dialect.pattern, event) for event in events) for dialect in DIALECTS)


def test_only_changes_of_the_control_record_are_watched(deployment: Synthesised) -> None:
    (mapping,) = [
        each for each in of_type(deployment.hub, "AWS::Lambda::EventSourceMapping").values() if "FilterCriteria" in each
    ]
    (only,) = mapping["FilterCriteria"]["Filters"]
    pattern = json.loads(only["Pattern"])
    control, claim = (
        {name: {"S": key[name]} for name in ("pk", "sk")} for key in (CONTROL_KEY, {"pk": "target#x", "sk": "claim"})
    )
    assert fits(pattern, {"eventName": "MODIFY", "dynamodb": {"Keys": control}})
    assert not fits(pattern, {"eventName": "MODIFY", "dynamodb": {"Keys": claim}})
    assert text(deployment.hub, mapping["FunctionName"]) == names.function("cordon", names.WATCH)


def test_operators_publish_switch_and_release_and_no_more(deployment: Synthesised) -> None:
    role = named(deployment.hub, "AWS::IAM::Role", "RoleName", names.hub_role("cordon", names.OPERATOR))
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"ArnLike": {"aws:PrincipalArn": ["arn:*:iam::111111111111:role/soc"]}}
    (policy,) = role["Policies"]
    assert {
        action: each.get("Condition")
        for each in policy["PolicyDocument"]["Statement"]
        for action in listed(each["Action"])
    } == {
        "dynamodb:GetItem": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [CONTROL_KEY["pk"]]}},
        "dynamodb:UpdateItem": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [CONTROL_KEY["pk"]]}},
        "dynamodb:Scan": None,
        "s3:GetObject": None,
        "s3:PutObject": None,
        "s3:ListBucket": None,
        "lambda:InvokeFunction": None,
    }
