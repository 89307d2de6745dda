# SPDX-License-Identifier: Apache-2.0
"""What a containment and a release write is what the reference describes, and the guide's example is a world."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from functions.incident.items import CONTROL_KEY, from_item, to_item
from functions.incident.schema import SCHEMAS
from hub.simulation.deployment import RELEASED_BY
from hub.simulation.run import SimulationRequest, SimulationResult, run
from hub.simulation.world_file import parse_world
from hub.simulation.world_spec import ScalingGroup
from tests.docs.pages import fenced, section, table, text, words
from tests.end_to_end.hosts import bundle as shipped
from tests.end_to_end.hosts import event, host, world
from tests.finding.findings import asff
from tests.incident.examples import stored
from tests.scenario import ACCOUNT, INSTANCE, REGION, Scenario, instance, open_scenario

RECORDS = "docs/reference/records.md"
GUIDE = "docs/guide/simulate.md"
KEYS = {"pk", "sk"}


@dataclass(frozen=True)
class Written:
    items: list[Mapping[str, Any]]
    objects: list[str]


@pytest.fixture(scope="module")
def written() -> Written:
    """Contain a host of a scaling group in an account that the directory lacks, release it, find it again."""
    finding = asff("Backdoor:EC2/C&CActivity.B!DNS", account=ACCOUNT, region=REGION, instances=(INSTANCE,))
    with open_scenario(shipped(), instance(scaling_group=ScalingGroup("web")), warm=False) as scenario:
        scenario.deployment.switch_off(["/Elsewhere"])
        forget_directory(scenario)
        scenario.deliver(finding)
        scenario.deployment.release(scenario.incident.id, RELEASED_BY)
        later = {**finding, "Id": f"{finding['Id'][:-4]}ffff", "LastObservedAt": "2026-03-03T00:00:00Z"}
        scenario.deliver(later)
        names = scenario.simulation.names
        with scenario.simulation.unrecorded():
            session = scenario.simulation.session
            items = session.client("dynamodb").scan(TableName=names.table)["Items"]
            objects = [
                f"{bucket} {found['Key']}"
                for bucket in (names.policy_bucket, names.evidence_bucket)
                for found in session.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
            ]
    return Written([from_item(item) for item in items], objects)


def forget_directory(scenario: Scenario) -> None:
    """Take the directory out of force, so that the account has to be looked up."""
    with scenario.simulation.unrecorded():
        scenario.simulation.session.client("dynamodb").update_item(
            TableName=scenario.simulation.names.table,
            Key=to_item(CONTROL_KEY),
            UpdateExpression="REMOVE directory",
        )


def attributes(written: Written, sort: str, partition: str) -> set[str]:
    found = [item for item in written.items if re.match(sort, item["sk"]) and item["pk"].startswith(partition)]
    assert found, f"nothing was written under {partition} {sort}"
    return {name for item in found for name in item if name not in KEYS and "#" not in name}


def test_a_claim_has_what_is_described(written: Written) -> None:
    told = set(table(RECORDS, "attribute"))
    absent_at_rest = {"token", "message", "lease_until"}
    assert attributes(written, "claim$", "target#") == told - absent_at_rest


@pytest.mark.parametrize("sort", ["head", "finding#KEY", "baseline#STEP", "step#STEP", "timeline#TIME#TOKEN"])
def test_an_incident_has_what_is_described(written: Written, sort: str) -> None:
    told = words(table(RECORDS, "`sk`")[sort])
    kept = attributes(written, sort.partition("#")[0], "incident#")
    assert kept - told == {"schema"}, "which every item has"
    # An error is there where a step failed.
    assert told - kept <= {"error", "cancelled"}


def test_a_shared_resource_has_what_is_described() -> None:
    assert set(table(RECORDS, "attribute of a shared resource")) == set(stored("shared-resource")) - KEYS


def fields(*paths: str) -> set[str]:
    """Return the fields of a JSON attribute in the stored examples: document, attribute, and what is inside."""
    document, *inner = paths
    value = stored(document)
    for name in ["", *inner]:
        value = value[name] if name else value
        value = json.loads(value) if isinstance(value, str) else value
        value = value[0] if isinstance(value, list) else value
    return set(value)


JSON_ATTRIBUTES = {
    "`unseen` of a claim, each entry": ("unseen",),
    "`provisional` in it": ("unseen", "provisional"),
    "`candidates` in that": ("unseen", "provisional", "candidates"),
    "`caps` in that": ("unseen", "provisional", "caps"),
    "`plan` of a head": ("head", "plan"),
    "`release` of a head": ("head", "release"),
    "`items` of a step": ("step", "items"),
    "`entries` of the timeline": ("timeline", "entries"),
    "`kept` of a finding": ("finding", "kept"),
}


def test_the_fields_of_json_attributes_are_described() -> None:
    rows = re.findall(r"^\| (`\w+`[^|]*) \| (?:an object|a list) \| (.+) \|$", text(RECORDS), re.MULTILINE)
    assert {name: words(told) for name, told in rows} == {
        name: fields(*paths) for name, paths in JSON_ATTRIBUTES.items()
    }


def test_the_version_that_is_written_is_told() -> None:
    told = section(RECORDS, "Versions")
    assert {f"This version writes {number} and reads {number}." in told for number in SCHEMAS.values()} == {True}


def test_every_item_is_of_a_kind_that_is_described(written: Written) -> None:
    told = {key.partition("#")[0] for key in table(RECORDS, "`pk`")} | {"target", "incident"}
    assert {item["pk"].partition("#")[0] for item in written.items} == told


@pytest.mark.parametrize("kind", ["control", "usage", "account"])
def test_an_item_of_the_hub_has_what_is_described(written: Written, kind: str) -> None:
    (told,) = [words(rest) for key, rest in table(RECORDS, "`pk`").items() if key.partition("#")[0] == kind]
    assert attributes(written, "", kind) - told == set()


def test_the_clocks_are_told(written: Written) -> None:
    kept = {name for item in written.items if item["sk"] == "head" for name in item["clocks"]}
    assert kept == {"first_seen", "created", "received", "claimed", "isolated", "released"}
    assert kept <= words(section(RECORDS, "An incident"))


def test_the_buckets_hold_what_is_described(written: Written) -> None:
    shapes = [
        (
            bucket,
            re.sub(r"DIGEST|SHA256", "[0-9a-f]{64}", key.strip("`"))
            .replace("ID", "inc-[0-9a-z]{9}-[0-9a-z]{8}")
            .replace("NAME", r"[0-9a-z.-]+"),
        )
        for bucket, key in re.findall(r"^\| (policy|evidence) \| `([^`]+)` \|", text(RECORDS), re.MULTILINE)
    ]
    met = set()
    for entry in written.objects:
        (shape,) = [(bucket, key) for bucket, key in shapes if re.fullmatch(rf"cordon-{bucket}-\d+ {key}", entry)]
        met.add(shape)
    assert met == set(shapes)


@pytest.fixture(scope="module")
def ended() -> SimulationResult:
    return run(SimulationRequest([event()], shipped(), world(host()), then_release=True))


def test_the_document_is_what_the_guide_describes(ended: SimulationResult) -> None:
    told = table(GUIDE, "key")
    document = ended.document()
    assert set(document) == set(told)
    for key in ("events", "incidents", "calls"):
        assert set(document[key][0]) <= words(told[key]), key
    assert set(document["events"][0]["targets"][0]) <= words(told["events"])
    assert set(document["world"]) == words(told["world"]) - {"--then-release"}
    prose = words(section(GUIDE, "The document"))
    for part in ("plan", "steps", "release"):
        assert set(document["incidents"][0][part][0]) <= prose, part


def test_the_world_of_the_guide_can_be_read_and_has_every_key() -> None:
    (example,) = fenced(GUIDE, "yaml")
    spec = parse_world(example)
    assert len(spec.instances) == len(spec.security_groups) == len(spec.users) == 1
    for kept in (spec.instances[0], spec.security_groups[0], spec.users[0]):
        for name in type(kept).__slots__:
            # Without rules of its own a group lets everything out, like any other.
            assert re.search(rf"\b{name}: ", example) or name == "egress", name
