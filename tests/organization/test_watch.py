# SPDX-License-Identifier: Apache-2.0
"""Every change of the control record is told, once, in words."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest

from functions import log
from functions.incident.items import CONTROL_KEY, to_item
from functions.notify import Notifier
from functions.organization import watch as module
from functions.organization.watch import UntoldError, tell
from functions.settings import SettingsError
from tests.conftest import NewScenario
from tests.scenario import Scenario


def record(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, key: Mapping[str, str] = CONTROL_KEY) -> Any:
    images = {"OldImage": old, "NewImage": new}
    change = {name: to_item({**key, **image}) for name, image in images.items() if image is not None}
    return {"eventName": "MODIFY", "dynamodb": {"Keys": to_item(key), **change}}


def told(scenario: Scenario, *records: Any) -> list[str]:
    before = len(scenario.deployment.notifications())
    notifier = Notifier(scenario.clients.hub("sns"), scenario.deployment.settings.topic)
    with scenario.simulation.delivering(99):
        assert tell(notifier, {"Records": records}) == len(scenario.deployment.notifications()) - before
    return [each["Message"] for each in scenario.deployment.notifications()[before:]]


BUNDLE, OTHER = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (None, {"bundle": BUNDLE}, "Policy: none -> aaaaaaaaaaaa"),
        ({"bundle": BUNDLE}, {"bundle": OTHER}, "Policy: aaaaaaaaaaaa -> bbbbbbbbbbbb"),
        ({"directory": BUNDLE}, {"directory": OTHER}, "Directory: aaaaaaaaaaaa -> bbbbbbbbbbbb"),
        ({"bundle": BUNDLE}, {"bundle": BUNDLE, "switched_off": {"organization"}}, "Switched off: organization"),
        (
            {"switched_off": {"organization", "/Workloads"}},
            {"switched_off": {"/Workloads", "444455556666"}},
            "Switched off: 444455556666\nSwitched on again: organization\nStill off: /Workloads",
        ),
        ({"bundle": BUNDLE, "switched_off": {"/X"}}, None, "Switched on again: /X\nPolicy: aaaaaaaaaaaa -> none"),
        ({"bundle": BUNDLE}, {"bundle": BUNDLE, "other": "x"}, "Also changed: other"),
    ],
)
def test_a_change_is_told_in_words(new_scenario: NewScenario, old: Any, new: Any, message: str) -> None:
    assert told(new_scenario(warm=False), record(old, new)) == [message]


def test_other_items_are_passed_over(new_scenario: NewScenario) -> None:
    claim = record({}, {"state": "contained"}, {"pk": "target#x", "sk": "claim"})
    assert told(new_scenario(warm=False), claim, record(None, {"bundle": BUNDLE})) == ["Policy: none -> aaaaaaaaaaaa"]


def test_what_could_not_be_told_comes_again(new_scenario: NewScenario) -> None:
    scenario = new_scenario(warm=False)
    scenario.inject_faults("sns:Publish=AuthorizationError")
    with pytest.raises(UntoldError):
        told(scenario, record(None, {"bundle": BUNDLE}))


def test_the_environment_is_read_at_the_first_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_kept", [])
    monkeypatch.setattr(log, "configure", lambda: None)
    for name in [each for each in os.environ if each.startswith("CORDON_")]:
        monkeypatch.delenv(name)
    with pytest.raises(SettingsError):
        module.handler({"Records": []}, None)
