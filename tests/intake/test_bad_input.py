# SPDX-License-Identifier: Apache-2.0
"""Bad input: a recorded outcome with a reason for a person, no action, nothing raw in the log."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.intake.result import Outcome
from hub.simulation.events import SourceEvent
from tests.conftest import NewScenario
from tests.finding import findings
from tests.finding.findings import asff, envelope, instance_arn, native, ocsf
from tests.scenario import ACCOUNT, Scenario, open_scenario

EVENTS = Path(__file__).parents[1] / "events"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
REJECTED, IGNORED = Outcome.REJECTED, Outcome.IGNORED


def instance_named(name: Any) -> findings.Json:
    """Return a finding whose instance is called that, in the native dialect and in words of its own."""
    return native(instance=name)


def resource(**changes: Any) -> list[findings.Json]:
    return [asff()["Resources"][0] | changes]


BAD: dict[str, tuple[object, Outcome, str]] = {
    "not JSON": ("{'a': 1", REJECTED, "not JSON"),
    "no text at all": ("", REJECTED, "not JSON"),
    "nested past reading": ("[" * 100_000, REJECTED, "not JSON"),
    "JSON, but a number": ("12", REJECTED, "should be an object"),
    "JSON, but a list": ("[]", REJECTED, "should be an object"),
    "null": ("null", REJECTED, "should be an object"),
    "an empty event": ("{}", REJECTED, "no"),
    "an empty detail": (envelope(asff()) | {"detail": {}}, REJECTED, "detail is empty"),
    "a detail that is text": (envelope(asff()) | {"detail": "a"}, REJECTED, "detail"),
    "an unknown detail-type": (envelope(asff(), detail_type="Security Hub Insight Results"), REJECTED, "event of type"),
    "findings that are text": (envelope(asff()) | {"detail": {"findings": "a"}}, REJECTED, "should be a list"),
    "no findings": (envelope(asff()) | {"detail": {"findings": []}}, REJECTED, "is empty"),
    "a finding that is text": (envelope(asff()) | {"detail": {"findings": ["a"]}}, REJECTED, "should be an object"),
    "another product": (
        json.loads((EVENTS / "classic-other-product.json").read_text(encoding="utf-8")),
        IGNORED,
        "not of GuardDuty",
    ),
    "another product that calls itself GuardDuty": (
        asff(ProductArn="arn:aws:securityhub:eu-west-1::product/aws/inspector"),
        REJECTED,
        "claims to be GuardDuty",
    ),
    "a product of the account's own": (
        asff(ProductArn=f"arn:aws:securityhub:eu-west-1:{ACCOUNT}:product/{ACCOUNT}/default"),
        REJECTED,
        "product",
    ),
    "an account of 13 digits": (asff(account="4444555566667"), REJECTED, "account"),
    "an account of 13 digits, native": (native(account="4444555566667"), REJECTED, "account"),
    "no id": (asff(Id=None), REJECTED, "Id"),
    "an id that is no ARN": (asff(Id="not-an-arn"), REJECTED, "Id"),
    "an id of another account": (asff(Id=findings.finding_arn(account="555566667777")), REJECTED, "account"),
    "an id of another Region": (asff(Id=findings.finding_arn(region="us-east-1")), REJECTED, "Region"),
    "an id of another service": (asff(Id=findings.finding_arn().replace("guardduty", "ec2")), REJECTED, "Id"),
    "a resource of another account": (
        asff(Resources=resource(Id=instance_arn(account="555566667777"))),
        REJECTED,
        "account",
    ),
    "no resources": (asff(Resources=[]), IGNORED, ""),
    "resources that are text": (asff(Resources="i-0a1b2c3d4e5f60718"), REJECTED, "Resources"),
    "a resource that is text": (asff(Resources=["i-0a1b2c3d4e5f60718"]), REJECTED, ""),
    "types that are text": (asff(Types="TTPs/a", FindingProviderFields={}), REJECTED, ""),
    "a path for an instance": (asff(Resources=resource(Id=instance_arn("../../etc/passwd"))), REJECTED, "instance"),
    "shell for an instance": (asff(Resources=resource(Id=instance_arn("i-1;rm -rf /"))), REJECTED, "instance"),
    "a path for an instance, native": (instance_named("../i-0a1b2c3d4e5f60718"), REJECTED, "instance"),
    "shell for an instance, native": (instance_named("$(reboot)"), REJECTED, "instance"),
    "an ARN for an instance, native": (instance_named(instance_arn(account="555566667777")), REJECTED, "instance"),
    "a list for an instance, native": (instance_named(["i-0a1b2c3d4e5f60718"]), REJECTED, "instance"),
    "a line break in an instance": (instance_named("i-0a1b2c3d4e5f60718\n"), REJECTED, "instance"),
    "escapes in the refused part": (instance_named("\x1b]0;owned\x07i-1"), REJECTED, "instance"),
    "an account that is a number": (native(accountId=444455556666), REJECTED, "account"),
    "no account, new hub": (ocsf(cloud={}), REJECTED, ""),
    "resources that are text, new hub": (ocsf(resources="a"), REJECTED, ""),
}


def deliver(scenario: Scenario, value: object) -> Any:
    """Hand over what may be no JSON at all; return how it ended, at the first try."""
    source = SourceEvent("f", 0, value, None) if isinstance(value, str) else SourceEvent.of("f", 0, value)
    (handed,) = scenario.deployment.deliver([source])
    assert handed.result is not None, handed.delivered.error
    assert handed.delivered.receives == 1
    return handed.result


def lines(written: io.StringIO) -> Iterable[dict[str, Any]]:
    """Return what was logged; every line is one JSON object and nothing in it is raw."""
    text = written.getvalue()
    assert not CONTROL.search(text)
    assert text.isascii()
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("make", [asff, native], ids=["classic", "native"])
def test_escapes_and_length_in_a_title_do_no_harm(new_scenario: NewScenario, written: io.StringIO, make: Any) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\n\u202e\ud800{'a': \"b\"}" + "A" * 5000
    scenario = new_scenario()
    result = deliver(scenario, make(**{"Title" if make is asff else "title": hostile}))
    assert result.outcome is Outcome.ACTED
    assert next(line for line in lines(written) if line["kind"] == "target")["title"].startswith("\x1b[2J")
    (note,) = scenario.deployment.notifications()
    assert not CONTROL.search(note["Message"])
    assert not CONTROL.search(note["Subject"])
    assert note["Message"].isascii()
    assert len(note["Subject"]) <= 100


def test_a_finding_of_240_kilobytes_is_acted_on(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    found = asff(Description="D" * 1000)
    found["ProductFields"] |= {f"aws/guardduty/service/additionalInfo/{number}": "x" * 1000 for number in range(235)}
    assert 235_000 < len(json.dumps(envelope(found))) < 256_000
    result = deliver(scenario, found)
    assert result.outcome is Outcome.ACTED
    (kept,) = [call for call in scenario.calls("PutObject") if "/findings/" in call["parameters"]["Key"]]
    place = {name: kept["parameters"][name] for name in ("Bucket", "Key")}
    body = scenario.services().clients.hub("s3").get_object(**place)["Body"].read()
    assert json.loads(body)["detail"]["findings"] == [found]
    assert place["Key"].startswith(f"incidents/{scenario.incident.id}/findings/")


def test_a_rejected_finding_is_told_to_people(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    deliver(scenario, BAD["a resource of another account"][0])
    (note,) = scenario.deployment.notifications()
    assert "rejected" in note["Subject"]
    assert findings.finding_arn() in note["Message"]


# Last: its scenario is open until the module ends, and only one can be open at a time.


@pytest.fixture(scope="module")
def untouched(bundle: bytes) -> Iterator[Scenario]:
    """One scenario for all bad input: none of it leaves anything there."""
    with open_scenario(bundle) as scenario:
        yield scenario


@pytest.mark.parametrize("case", BAD)
def test_bad_input(untouched: Scenario, written: io.StringIO, case: str) -> None:
    value, outcome, item = BAD[case]
    scenario = untouched
    before = scenario.simulation.world()
    result = deliver(scenario, value)
    assert result.outcome is outcome, result.reason
    assert item.lower() in result.reason.lower()
    assert len(result.reason) > 10
    assert not CONTROL.search(result.reason)
    assert scenario.simulation.world() == before
    assert not [call for call in scenario.calls() if call["service"] in {"sts", "ec2"}]
    assert scenario.deployment.incidents() == []
    kinds = [line["kind"] for line in lines(written)]
    assert kinds.count("event") == 1
    assert not [line for line in lines(written) if line.get("outcome") == "retry" or "Traceback" in str(line)]
