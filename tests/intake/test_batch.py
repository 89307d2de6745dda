# SPDX-License-Identifier: Apache-2.0
"""The border: a batch of good, bad and failing messages, each with its own end."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest

from functions.intake.handler import Intake
from functions.intake.result import EventResult, Outcome, Unfinished
from tests.conftest import NewScenario
from tests.finding import findings
from tests.scenario import ACCOUNT, INSTANCE, NOW, Scenario, instance

SECOND, THIRD = "i-0000000000000002", "i-0000000000000003"


def record(number: int, body: object, **attributes: str) -> dict[str, Any]:
    return {
        "messageId": f"message-{number}",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1", **attributes},
    }


def handle(scenario: Scenario, *records: dict[str, Any]) -> tuple[list[str], dict[str, EventResult | Unfinished]]:
    """Hand a batch to a process of its own; return the ids that come again, and how each message ended."""
    ended: dict[str, EventResult | Unfinished] = {}
    services = scenario.services()
    intake = Intake(scenario.deployment.settings, services.clients, scenario.simulation.runtime(), ended.__setitem__)
    with scenario.simulation.delivering(99):
        answer = intake.handle({"Records": list(records)})
    intake.close()
    assert set(answer) == {"batchItemFailures"}
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]], ended


def test_good_bad_and_failing_messages_in_one_batch(new_scenario: NewScenario, written: io.StringIO) -> None:
    hosts = [instance(), instance(SECOND), instance(THIRD, account="666677778888")]
    # The first AssumeRole meets the fault; an enforcing finding without a way in comes again.
    scenario = new_scenario(*hosts, faults=["sts:AssumeRole=AccessDenied*1"])
    again, ended = handle(
        scenario,
        record(1, findings.envelope(findings.asff())),
        record(2, "{not json"),
        record(3, findings.envelope(findings.asff(finding="b" * 32, instances=[SECOND]))),
        record(4, {"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification", "detail": {"a": 1}}),
        record(5, findings.envelope(findings.native(account="666677778888", instance=THIRD, finding="c" * 32))),
    )
    assert again == ["message-1"]
    outcomes = [each.outcome if isinstance(each, EventResult) else None for each in ended.values()]
    assert outcomes == [None, Outcome.REJECTED, Outcome.ACTED, Outcome.REJECTED, Outcome.OBSERVED]
    assert isinstance(ended["message-1"], Unfinished)
    assert "AccessDenied" in ended["message-1"].reason
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    events = {line["message"]: line["outcome"] for line in lines if line["kind"] == "event"}
    assert events == {
        "message-1": "retry",
        "message-2": "rejected",
        "message-3": "acted",
        "message-4": "rejected",
        "message-5": "observed",
    }


def test_a_message_given_back_is_taken_up_again(new_scenario: NewScenario) -> None:
    scenario = new_scenario(faults=["sts:AssumeRole=AccessDenied*1"])
    message = record(1, findings.envelope(findings.asff()))
    again, _ = handle(scenario, message)
    assert again == ["message-1"]
    again, ended = handle(scenario, message)
    assert again == []
    result = ended["message-1"]
    assert isinstance(result, EventResult)
    assert result.outcome is Outcome.ACTED
    assert scenario.incident.state == "contained"


def test_a_bug_costs_its_own_message_alone(
    new_scenario: NewScenario, monkeypatch: pytest.MonkeyPatch, written: io.StringIO
) -> None:
    scenario = new_scenario()
    from functions.intake import handler

    original = handler.parse

    def parse(envelope: Any) -> Any:
        if envelope.get("bug"):
            raise ZeroDivisionError("a bug")
        return original(envelope)

    monkeypatch.setattr(handler, "parse", parse)
    again, ended = handle(scenario, record(1, {"bug": True}), record(2, findings.envelope(findings.asff())))
    assert again == ["message-1"]
    assert isinstance(ended["message-2"], EventResult)
    (line,) = [json.loads(each) for each in written.getvalue().splitlines() if '"bug"' in each]
    assert line["reason"] == "ZeroDivisionError: a bug"
    assert line["bug"].startswith("test_batch.py:")
    assert line["level"] == "error"


def test_an_empty_batch_warms_up_and_touches_nothing(new_scenario: NewScenario) -> None:
    scenario = new_scenario(warm=False)
    assert handle(scenario) == ([], {})
    assert {call["operation"] for call in scenario.calls()} == {"GetItem", "GetObject"}


@pytest.mark.parametrize(
    ("sent", "time", "received"),
    [
        # the queue is finer where both agree
        (NOW.timestamp(), "2026-03-02T10:27:59Z", NOW),
        # a replayed event is as old as it says
        (NOW.timestamp(), "2026-03-02T04:00:00Z", NOW.replace(hour=4, minute=0)),
        (NOW.timestamp(), "2026-03-02T04:00:00+02:00", NOW.replace(hour=2, minute=0)),
        # nonsense is not believed
        (NOW.timestamp(), "2099-01-01T00:00:00Z", NOW),
        (NOW.timestamp(), "2026-03-02T04:00:00", NOW),
        (NOW.timestamp(), "0001-01-01T00:00:00+14:00", NOW),
        (NOW.timestamp(), ["2026"], NOW),
        (NOW.timestamp(), None, NOW),
    ],
)
def test_when_it_was_received(new_scenario: NewScenario, sent: float, time: object, received: object) -> None:
    scenario = new_scenario(instance(account="666677778888"))
    envelope = findings.envelope(findings.asff(account="666677778888")) | {"time": time}
    again, _ = handle(scenario, record(1, envelope, SentTimestamp=str(int(sent * 1000))))
    assert again == []
    assert scenario.incident.clocks["received"] == received


@pytest.mark.parametrize(("hours", "outcome"), [(5, Outcome.ACTED), (7, Outcome.AWAITING_APPROVAL)])
def test_what_waited_for_too_long_asks(new_scenario: NewScenario, hours: int, outcome: Outcome) -> None:
    scenario = new_scenario()
    sent = str(int((NOW - timedelta(hours=hours)).timestamp() * 1000))
    message = record(1, findings.envelope(findings.asff()) | {"time": None}, SentTimestamp=sent)
    _, ended = handle(scenario, message)
    result = ended["message-1"]
    assert isinstance(result, EventResult)
    assert result.outcome is outcome
    assert ("older than the 6 hours" in result.reason) == (outcome is Outcome.AWAITING_APPROVAL)


def test_two_instances_of_one_finding_both_end(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(), instance(SECOND))
    (result,) = scenario.deliver(findings.asff(instances=[INSTANCE, SECOND]))
    assert [(each.target.instance, each.outcome) for each in result.targets] == [
        (INSTANCE, Outcome.ACTED),
        (SECOND, Outcome.ACTED),
    ]
    assert len({each.incident for each in result.targets}) == 2
    assert {each.target.account for each in result.targets} == {ACCOUNT}


def test_several_findings_in_one_event_give_its_weightiest_outcome(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    bad = findings.asff(
        finding="b" * 32, ProductArn="arn:aws:securityhub:eu-west-1:444455556666:product/444455556666/default"
    )
    (result,) = scenario.deliver(findings.envelope(bad, findings.asff()))
    assert result.outcome is Outcome.ACTED
    assert len(result.targets) == 1
    assert "product" in result.reason
