# SPDX-License-Identifier: Apache-2.0
"""The estimate of costs: its counts are those of a real run, its sums add up, the page shows it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from hub.organization import costs, prices
from hub.organization.costs import CONTAINED, OBSERVED, SIZES, Assumptions, Counted, bill, total
from tests.cli.running import cordon, document_of
from tests.conftest import NewScenario
from tests.docs.pages import table, text
from tests.finding.findings import asff
from tests.organization_command.counting import counted
from tests.scenario import ACCOUNT, instance

OBSERVING = "666677778888"


@pytest.mark.parametrize(
    ("account", "expected"), [(ACCOUNT, CONTAINED), (OBSERVING, OBSERVED)], ids=["contained", "observed"]
)
def test_the_counts_are_those_of_a_run(new_scenario: NewScenario, account: str, expected: Counted) -> None:
    scenario = new_scenario(instance(account=account, volumes=2))
    scenario.deliver(asff(account=account))
    assert counted(scenario.calls()) == asdict(expected)


@pytest.mark.parametrize("size", SIZES)
def test_the_sum_is_that_of_the_items(size: int) -> None:
    document = document_of(cordon("organization", "costs", "--accounts", size, "--json"))
    items = document["accounts"][str(size)]
    assert total(bill(size)) == pytest.approx(sum(item["dollars"] for item in items))
    assert document["prices"] == {"as_of": prices.AS_OF, "region": "us-east-1", "currency": "USD"}
    assert document["assumptions"] == asdict(Assumptions())


def test_idle_costs_next_to_nothing_whatever_the_size() -> None:
    idle = [[item for item in bill(size) if item.idle] for size in SIZES]
    assert idle[0] == idle[-1]
    assert 0 < total(idle[0]) < 2


def test_what_is_used_grows_with_the_accounts() -> None:
    used = [total(item for item in bill(size) if not item.idle) for size in (10, 1000)]
    assert used[1] == pytest.approx(100 * used[0])


@pytest.mark.parametrize(
    "name", [name for name, value in asdict(Assumptions()).items() if value and name != "contained_per_account"]
)
def test_every_assumption_counts(name: str) -> None:
    assumed = Assumptions()
    doubled = replace(assumed, **{name: 2 * getattr(assumed, name)})
    assert total(bill(500, doubled)) > total(bill(500, assumed))


def test_more_contained_hosts_cost_more() -> None:
    assert total(bill(500, Assumptions(contained_per_account=0.1))) > total(bill(500))


def test_alarms_are_those_of_the_stacks(templates: dict[str, dict[str, Any]]) -> None:
    metrics = dict.fromkeys(templates, 0)
    for stack, template in templates.items():
        for resource in template["Resources"].values():
            assert resource["Type"] != "AWS::KMS::Key"
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                used = resource["Properties"].get("Metrics", [{"MetricStat": {}}])
                metrics[stack] += sum("MetricStat" in each for each in used)
    hub, region = metrics.pop("cordon-hub"), metrics.pop("cordon-forwarder-us-east-1")
    assert (hub, region, set(metrics.values())) == (Assumptions().alarm_metrics, 1, {0})


def test_the_page_shows_what_the_command_prints() -> None:
    told = table("docs/rollout.md", "USD a month")
    assert {what: " | ".join(rest) for what, *rest in costs.rows(SIZES)} == told
    printed = cordon("organization", "costs").stdout
    for row in costs.rows(SIZES):
        assert row[0] in printed
    assert table("docs/rollout.md", "assumed") == dict(costs.said())


def test_what_listing_incidents_reads_is_told() -> None:
    told = " ".join(cordon("organization", "costs", "--accounts", "1", "--accounts", "10000").stdout.split())
    assert " 1 account 10,000 accounts " in told
    assert "read the whole table: 0.0 GB (1), 5.8 GB (10,000)." in told
    assert "about 5.8 GB with 10,000 accounts" in " ".join(text("docs/rollout.md").split())
