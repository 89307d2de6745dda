# SPDX-License-Identifier: Apache-2.0
"""The report of ``cordon simulate``: one incident to the letter, and what must not be missing from others.

``UPDATE_GOLDEN=1 pytest tests/cli/test_report.py`` writes the golden files anew; read the difference before committing.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from hub.cli.invocation.simulation_request import SimulationArguments, simulation_request
from hub.cli.report.incident_report import policy_line
from hub.cli.report.planned_calls import in_words
from hub.cli.report.world_facts import merged
from hub.simulation.run import run
from tests.cli.running import C2, CONFIG, EVENTS, ROOT, simulate

GOLDEN = Path(__file__).parent / "golden"
WORLD = Path(__file__).parent / "world.yaml"
DIGITS = re.compile(r"\b((?:eni|sg|vol|snap|vpc)-)[0-9a-f]{17}\b|\b(inc-)[0-9a-z]{9}-[0-9a-z]{8}\b")

HASH = re.compile(r"\b[0-9a-f]{16}\.\.\.$", re.MULTILINE)
"""Of a file that has ids and times in it, which differ from run to run."""


def masked(report: str) -> str:
    """Number the ids in the order in which they are first told; widths stay as they are."""
    seen: dict[str, str] = {}

    def mask(match: re.Match[str]) -> str:
        prefix = match[1] or match[2]
        number = f"{len(seen) + 1}"
        return seen.setdefault(match[0], prefix + number.rjust(len(match[0]) - len(prefix), "."))

    return HASH.sub("SHA-256", DIGITS.sub(mask, report))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("contained-and-released", (C2.name, "--world", WORLD, "--then-release")),
        ("awaiting-approval", ("native-tor-client.json", "--ou", "/Workloads/Prod", "--config", "made")),
        ("dead-lettered", (C2.name, "--fault", "sts:AssumeRole=AccessDenied")),
    ],
)
def test_the_report_to_the_letter(
    name: str, arguments: tuple[object, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(EVENTS)
    monkeypatch.setenv("COLUMNS", "80")
    if "made" in arguments:
        arguments = tuple(_approving(tmp_path) if each == "made" else each for each in arguments)
    report = masked(simulate(*arguments, "--now", "2026-03-02T10:28:00Z", "--seed", "1").stdout)
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(report, encoding="utf-8")

    assert report == golden.read_text(encoding="utf-8")


def _approving(folder: Path) -> Path:
    """Return a policy of the shipped layers without the account that enforces."""
    config = folder / "config"
    (config / "ous" / "workloads").mkdir(parents=True)
    for name in ("organization.yaml", "organization.lock.json", "ous/workloads/prod.yaml"):
        (config / name).write_text((CONFIG / name).read_text())
    return config


def test_what_failed_is_told_with_its_error() -> None:
    fault = "ec2:ModifyNetworkInterfaceAttribute=UnauthorizedOperation"
    told = " ".join(simulate(C2, "--fault", fault).stdout.split())

    assert "isolate failed" in told
    assert "UnauthorizedOperation" in told
    assert "none of the host's interfaces is isolated" in told
    assert "ec2:ModifyNetworkInterfaceAttribute UnauthorizedOperation 5" in told


def test_a_release_that_did_not_end_says_how_to_end_it() -> None:
    told = " ".join(simulate(C2, "--fault", "ec2:DeleteTags=RequestLimitExceeded*40", "--then-release").stdout.split())

    assert "releasing" in told
    assert "decision enforce by rule command-and-control" in told
    assert re.search(r"To end the release: cordon release inc-\S+ --by NAME", told)


def test_time_and_round_trips_are_told_where_they_say_something() -> None:
    assert re.search(r"\d+ ms from receiving the event", simulate(C2, "--latency-ms", "50").stdout)
    assert "ms from receiving the event" not in simulate(C2).stdout


def test_every_delivery_is_told() -> None:
    told = simulate(C2, C2, "--deliveries", "2").stdout

    assert [f"delivery {number}" in told for number in range(1, 6)] == [True, True, True, True, False]


def test_every_planned_call_of_the_product_has_words() -> None:
    ended = run(simulation_request(SimulationArguments([str(C2)], CONFIG, WORLD)))
    (incident,) = ended.incidents

    assert [call.operation for call in incident.plan if in_words(call).startswith("ec2:")] == []


def test_worlds_that_agree_share_a_column() -> None:
    rows = [("a", "1", "2", "1"), ("b", "3", "3", "3")]

    assert merged(("before", "after", "released"), rows) == (
        ["before, released", "after"],
        [("a", "1", "2"), ("b", "3", "3")],
    )
    assert merged(("before", "after"), []) == (["before, after"], [])


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ("config/accounts/payments-prod.yaml:5", "mode: enforce"),
        ("config/accounts/payments-prod.yaml:5000", ""),
        ("config/accounts/gone.yaml:1", ""),
        ("built-in", ""),
        (None, ""),
    ],
)
def test_the_policy_line_is_quoted_where_there_is_one(origin: str | None, line: str) -> None:
    assert policy_line(ROOT / "config", origin) == line


def test_two_hosts_that_share_a_findings_id_keep_their_own_titles(tmp_path: Path) -> None:
    first = C2.read_text()
    second = first.replace("i-0a1b2c3d4e5f60718", "i-0fedcba9876543210").replace("is querying", "is seeking")
    assert second.count("is seeking") == first.count("is querying") > 0
    other = tmp_path / "other.json"
    other.write_text(second)

    report = simulate(C2, other).stdout

    heads = re.split(r"(?m)^inc-", report)[1:]
    of_first = next(head for head in heads if "i-0a1b2c3d4e5f60718" in head)
    of_second = next(head for head in heads if "i-0fedcba9876543210" in head)
    assert ("is querying" in of_first, "is seeking" in of_first) == (True, False)
    assert ("is querying" in of_second, "is seeking" in of_second) == (False, True)
