# SPDX-License-Identifier: Apache-2.0
"""The templates as they are: compared with golden files, linted, looked over by cdk-nag, in every partition.

``UPDATE_GOLDEN=1 pytest tests/hub_stacks`` writes the golden files anew; read the difference before committing.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from functions import names
from tests.hub_stacks.conftest import Synthesise
from tests.hub_stacks.synthesised import EVERYTHING, Synthesised, pretty

GOLDEN = Path(__file__).parent / "golden"
STACKS = ("hub", "members", "forwarder-us-east-1", "detection", "guard")
NAMES = (
    *("AlarmName", "BucketName", "FunctionName", "GroupName", "LogGroupName", "ManagedPolicyName", "Name"),
    *("QueueName", "RoleName", "StackSetName", "TableName", "TopicName"),
)


@pytest.mark.parametrize("part", STACKS)
def test_a_template_is_the_golden_one(deployment: Synthesised, part: str) -> None:
    golden, told = GOLDEN / f"{part}.json", pretty(deployment.templates[names.stack("cordon", part)])
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")


def test_there_is_no_other_stack(deployment: Synthesised) -> None:
    assert set(deployment.templates) == {names.stack("cordon", part) for part in STACKS}


def test_what_is_optional_is_left_out(synthesise: Synthesise) -> None:
    small = synthesise(regions=("eu-west-1",))
    assert set(small.templates) == {"cordon-hub", "cordon-members"}
    assert small.found == ()


@pytest.mark.parametrize("part", STACKS)
def test_cfn_lint_finds_nothing(deployment: Synthesised, part: str) -> None:
    from cfnlint.api import ManualArgs, lint_file

    path = deployment.files[names.stack("cordon", part)]
    # W3005: CDK says once more that a function depends on its role.
    found = lint_file(path, config=ManualArgs(ignore_checks=["W3005"], regions=[deployment.settings.home_region]))
    assert [str(each) for each in found] == []


def test_cdk_nag_finds_nothing(deployment: Synthesised) -> None:
    assert deployment.found == ()


def test_every_stack_has_a_place_tags_and_protection(deployment: Synthesised) -> None:
    manifest = json.loads((deployment.directory / "manifest.json").read_text(encoding="utf-8"))
    found = {
        each["properties"]["stackName"]: (each["environment"], each["properties"])
        for each in manifest["artifacts"].values()
        if each["type"] == "aws:cloudformation:stack"
    }
    assert {name: environment for name, (environment, _) in found.items()} == {
        "cordon-hub": "aws://111111111111/eu-west-1",
        "cordon-members": "aws://111111111111/eu-west-1",
        "cordon-forwarder-us-east-1": "aws://111111111111/us-east-1",
        "cordon-detection": "aws://111111111111/eu-west-1",
        "cordon-guard": "aws://333333333333/eu-west-1",
    }
    for _, properties in found.values():
        assert properties["tags"] == {"application": "cordon", "deployment": "cordon"}
        assert properties["terminationProtection"] is True


def test_only_what_has_something_to_upload_needs_a_bootstrap(deployment: Synthesised) -> None:
    needing = {
        name for name, template in deployment.templates.items() if "BootstrapVersion" in template.get("Parameters", {})
    }
    assert needing == {"cordon-hub", "cordon-members"}


def names_in(template: Any) -> set[str]:
    """Return every physical name that a template gives, that of nested policies too."""
    found: set[str] = set()
    for resource in template["Resources"].values():
        given = resource.get("Properties", {})
        found |= {given[key] for key in NAMES if isinstance(given.get(key), str)}
    return found


def test_every_name_begins_with_the_qualifier(deployment: Synthesised) -> None:
    for stack, template in deployment.templates.items():
        for name in names_in(template):
            assert name.lstrip("/").startswith("cordon"), (stack, name)
    assert len(names_in(deployment.hub)) > 20


def test_two_deployments_share_no_name(deployment: Synthesised, synthesise: Synthesise) -> None:
    other = synthesise(**EVERYTHING, qualifier="cordon-two")
    ours, theirs = (
        set(each.templates) | {name for template in each.templates.values() for name in names_in(template)}
        for each in (deployment, other)
    )
    assert ours & theirs == set()
    assert len(ours) == len(theirs)


PARTITIONS = [
    ("aws-us-gov", {"home_region": "us-gov-west-1", "regions": ("us-gov-west-1", "us-gov-east-1")}),
    ("aws-cn", {"home_region": "cn-north-1", "regions": ("cn-north-1", "cn-northwest-1")}),
]


@pytest.mark.parametrize(("partition", "places"), PARTITIONS, ids=[name for name, _ in PARTITIONS])
def test_other_partitions_are_named_by_their_parameter_alone(
    deployment: Synthesised, synthesise: Synthesise, partition: str, places: dict[str, Any]
) -> None:
    elsewhere = synthesise(**EVERYTHING, **places)
    assert elsewhere.found == ()
    for found in (deployment, elsewhere):
        for stack, path in found.files.items():
            written = path.read_text(encoding="utf-8")
            assert re.findall(r"arn:aws[a-z-]*:", written) == [], stack
            assert "amazonaws.com.cn" not in written or partition == "aws-cn", stack
    assert services(elsewhere) == services(deployment)


def services(found: Synthesised) -> set[str]:
    """Return the service principals of every policy and permission; they are spelt the same in all three partitions."""
    written = "".join(path.read_text(encoding="utf-8") for path in found.files.values())
    return set(re.findall(r"[a-z]+(?:\.[a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?", written))


def test_the_services_that_are_let_in_are_these(deployment: Synthesised) -> None:
    assert services(deployment) == {
        "cloudwatch.amazonaws.com",
        "events.amazonaws.com",
        "lambda.amazonaws.com",
    }
