# SPDX-License-Identifier: Apache-2.0
"""The release function: a request in, an answer out, whatever is asked."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from functions import log
from functions.aws import errors
from functions.release import handler as module
from functions.release.handler import answer
from functions.settings import SettingsError
from tests.conftest import NewScenario
from tests.finding.findings import asff

SOMEBODY = {"incident": "inc-1kjq1eaw0-yerjn531", "by": "ada@example.com"}


def test_a_release_is_answered_with_what_became_of_it(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    scenario.deliver(asff())
    incident = scenario.incident.id
    with scenario.simulation.delivering(99):
        told = answer(scenario.services(), {"incident": incident, "by": "ada@example.com"})
    assert json.loads(json.dumps(told)) == told
    assert {key: told[key] for key in ("incident", "error", "state")} == {
        "incident": incident,
        "error": None,
        "state": "released",
    }
    assert told["reason"].startswith("released by ada@example.com: ")
    assert all(item["restored"] for item in told["items"])
    assert set(told["items"][0]) == {"step", "what", "restored", "reason", "retry", "command"}
    assert "isolate" in {item["step"] for item in told["items"]}


def test_what_could_not_be_put_back_is_named(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    scenario.deliver(asff())
    eni = scenario.host()["enis"][0]["id"]
    scenario.inject_faults("ec2:ModifyNetworkInterfaceAttribute=UnauthorizedOperation")
    with scenario.simulation.delivering(99):
        told = answer(scenario.services(), {"incident": scenario.incident.id, "by": "ada"})
    assert (told["state"], told["error"]) == ("releasing", None)
    left = [item for item in told["items"] if not item["restored"]]
    assert [(item["step"], item["retry"]) for item in left] == [("isolate", True)]
    assert eni in left[0]["what"]


def test_a_second_release_is_refused_in_words(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    scenario.deliver(asff())
    request = {"incident": scenario.incident.id, "by": "ada"}
    with scenario.simulation.delivering(99):
        answer(scenario.services(), request)
        told = answer(scenario.services(), request)
    assert told == {
        "incident": request["incident"],
        "error": f"{request['incident']} is released: there is nothing to release",
        "state": None,
        "reason": f"{request['incident']} is released: there is nothing to release",
        "items": [],
    }


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (None, "the request should be an object with incident and by"),
        ([], "the request should be an object with incident and by"),
        ({}, "incident is None, which is not the id of an incident (inc-...)"),
        ({**SOMEBODY, "incident": 7}, "incident is 7, which is not the id of an incident (inc-...)"),
        (
            {**SOMEBODY, "incident": "inc-1kjq1eaw0-yerjn531\n"},
            "incident is 'inc-1kjq1eaw0-yerjn531\\n', which is not the id of an incident (inc-...)",
        ),
        ({"incident": SOMEBODY["incident"]}, "by should say who asks, in 1 to 128 printable ASCII characters"),
        ({**SOMEBODY, "by": " "}, "by should say who asks, in 1 to 128 printable ASCII characters"),
        ({**SOMEBODY, "by": "a\x1b[31m"}, "by should say who asks, in 1 to 128 printable ASCII characters"),
        ({**SOMEBODY, "by": "a" * 129}, "by should say who asks, in 1 to 128 printable ASCII characters"),
        ({**SOMEBODY, "force": True}, "the request has 'force', which is not known: incident and by are"),
    ],
)
def test_what_is_asked_wrongly_is_told(new_scenario: NewScenario, event: Any, error: str) -> None:
    told = answer(new_scenario(warm=False).services(), event)
    assert told == {"incident": None, "error": error, "state": None, "reason": error, "items": []}


def test_an_unknown_incident_is_told(new_scenario: NewScenario) -> None:
    told = answer(new_scenario(warm=False).services(), SOMEBODY)
    assert told["error"] == f"there is no incident {SOMEBODY['incident']}"


def test_a_failure_of_the_hubs_own_is_a_failure(new_scenario: NewScenario) -> None:
    scenario = new_scenario(warm=False)
    scenario.inject_faults("dynamodb:Query=AccessDeniedException")
    with pytest.raises(errors.AwsError), scenario.simulation.delivering(99):
        answer(scenario.services(), SOMEBODY)


def test_the_environment_is_read_at_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_kept", [])
    monkeypatch.setattr(log, "configure", lambda: None)
    for name in [each for each in os.environ if each.startswith("CORDON_")]:
        monkeypatch.delenv(name)
    with pytest.raises(SettingsError):
        module.handler(SOMEBODY, None)
