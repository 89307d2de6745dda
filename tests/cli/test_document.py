# SPDX-License-Identifier: Apache-2.0
"""The document of ``cordon simulate --json`` keeps its contract, whatever the run was like."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.contract import problems
from tests.cli.running import C2, CONFIG, EVENTS, ROOT, cordon, document_of, simulate

RUNS: dict[str, tuple[tuple[object, ...], int]] = {
    "contained and released": ((C2, "--then-release"), 0),
    "planned": ((EVENTS / "native-sample.json", "--ou", "/Workloads/Prod"), 0),
    "rejected and ignored": ((EVENTS / "classic-forged-product.json", EVENTS / "classic-other-product.json"), 0),
    "several at once": ((C2, "--parallel", "3"), 0),
    "dead-lettered": ((C2, "--fault", "sts:AssumeRole=AccessDenied"), 1),
    "gap": ((C2, "--fault", "ec2:ModifyNetworkInterfaceAttribute=UnauthorizedOperation"), 0),
    "everything in the world": ((C2, "--world", ROOT / "tests" / "cli" / "world.yaml", "--then-release"), 0),
}


@pytest.mark.parametrize(("arguments", "code"), RUNS.values(), ids=RUNS)
def test_the_document_keeps_the_contract(arguments: tuple[object, ...], code: int) -> None:
    result = simulate(*arguments, "--json")
    document = document_of(result)

    assert (problems(document), result.exit_code) == ([], code)
    assert (document["world_released"] is None) is ("--then-release" not in arguments)


def test_logs_are_on_standard_error_and_searchable() -> None:
    result = simulate(C2, "--json")
    (incident,) = document_of(result)["incidents"]
    lines = [json.loads(line) for line in result.stderr.splitlines()]

    assert {"event", "target", "decision", "step"} <= {line["kind"] for line in lines}
    assert lines[-1]["seed"] >= 0
    assert {line["incident"] for line in lines if line["kind"] == "step"} == {incident["id"]}


def test_a_story_has_logs_where_they_are_asked_for() -> None:
    assert simulate(C2).stderr == ""
    assert '"kind": "decision"' in simulate(C2, "--log").stderr


def test_standard_input_and_lines_that_are_no_json() -> None:
    finding = json.dumps(json.loads(C2.read_text())["detail"]["findings"][0])
    document = document_of(simulate("-", "--json", stdin=f"{finding}\nbroken\n"))

    assert [(each["file"], each["index"], each["outcome"]) for each in document["events"]] == [
        ("-", 0, "acted"),
        ("-", 1, "rejected"),
    ]


def test_the_clock_starts_where_now_says() -> None:
    moments = ("2026-03-02T10:28", "2026-03-02T10:28:00Z", "2026-03-02T11:28:00+01:00", "2026-03-02T10:29Z")
    stamps = [_stamp_of(document_of(simulate(C2, "--json", "--now", moment))) for moment in moments]

    assert stamps[0] == stamps[1] == stamps[2] != stamps[3]


def _stamp_of(document: dict[str, Any]) -> str:
    """Return an incident id without its random end: what the moment makes of it."""
    (incident,) = document["incidents"]
    stamp: str = incident["id"].rpartition("-")[0]
    return stamp


def test_deliveries_are_numbered() -> None:
    document = document_of(simulate(C2, "--json", "--deliveries", "3"))

    assert [(each["delivery"], each["outcome"]) for each in document["events"]] == [
        (1, "acted"),
        (2, "duplicate"),
        (3, "duplicate"),
    ]


def test_the_ou_decides_what_is_done() -> None:
    event = EVENTS / "native-tor-client.json"
    text = event.read_text().replace("444455556666", "123456789012")
    modes = [
        document_of(simulate("-", "--json", "--ou", ou, stdin=text))["incidents"][0]["mode"]
        for ou in ("/", "/Workloads/Prod/")
    ]

    assert modes == ["observe", "approve"]


@pytest.mark.parametrize("world", [(), ("--world", ROOT / "tests" / "cli" / "world.yaml")], ids=["named", "file"])
def test_the_organisation_is_that_of_the_policy(tmp_path: Path, world: tuple[object, ...]) -> None:
    config = tmp_path / "config"
    shutil.copytree(CONFIG, config)
    lock = config / "organization.lock.json"
    lock.write_text(
        lock.read_text().replace("o-exampleorgid", "o-anotherorgid").replace("111111111111", "121212121212")
    )
    document = document_of(cordon("simulate", C2, "--config", config, "--json", *world))

    assert [(each["outcome"], each["receives"]) for each in document["events"]] == [("acted", 1)]
    assert {call["account"] for call in document["calls"] if call["service"] == "dynamodb"} == {"121212121212"}


BREAKS = {
    "a missing key": (lambda document: document.pop("calls"), ".calls: missing"),
    "another word": (lambda document: document["events"][0].update(outcome="fine"), "'fine' is none of"),
    "another type": (lambda document: document["incidents"][0].update(findings="x"), "'x' is no list"),
    "a number that is a truth": (lambda document: document["events"][0].update(index=True), "True is no"),
    "an unknown incident": (
        lambda document: document["events"][0]["targets"][0].update(incident="inc-0"),
        "inc-0 is not among",
    ),
    "a gap": (lambda document: document["calls"].pop(0), "n does not count from 1"),
    "no reason": (lambda document: document["events"][0].update(reason=" "), "has no reason"),
    "a world's part": (lambda document: document["world"]["instances"][0].pop("enis"), "instances[0].enis: missing"),
}


@pytest.fixture(scope="module")
def good() -> dict[str, Any]:
    return document_of(simulate(C2, "--json"))


@pytest.mark.parametrize(("break_it", "said"), BREAKS.values(), ids=BREAKS)
def test_the_checker_sees_what_is_wrong(good: dict[str, Any], break_it: Any, said: str) -> None:
    document = copy.deepcopy(good)
    break_it(document)

    assert [text for text in problems(document) if said in text]


def test_a_file_of_the_demonstration_runs_by_itself() -> None:
    findings = ROOT / "hub" / "demo" / "findings" / "cryptomining.json"
    result = cordon("simulate", "--config", ROOT / "config", findings, "--world", ROOT / "hub" / "demo" / "world.json")

    assert result.exit_code == 0
    assert "awaiting-approval" in result.stdout
