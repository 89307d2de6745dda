# SPDX-License-Identifier: Apache-2.0
"""What the hub knows of its organisation, and that it reads it whole or not at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from functions.incident.items import CONTROL_KEY, to_item
from functions.organization.control import FOUND_VALID, Control, ControlError, HubRecords
from functions.organization.directory import Directory, DirectoryError, look_up, object_key
from hub.simulation.world_spec import AccountSpec
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.scenario import ACCOUNT, NOW, TARGET, Scenario, runtime

NAMES = st.lists(st.sampled_from(["Workloads", "Prod", "A b", "ü"]), max_size=4)
PATHS = NAMES.map(lambda names: "/" + "/".join(names))
ACCOUNTS = st.dictionaries(st.from_regex(r"[0-9]{12}", fullmatch=True), PATHS)
SCOPES = st.sets(st.sampled_from(["organization", "/", "/Workloads", "/Workloads/Prod", "/Prod", ACCOUNT, "5" * 12]))
NO_DIRECTORIES = st.sampled_from([b"null", b'{"schema":1}', b'{"schema":1,"accounts":3}'])


@given(names=NAMES, switched_off=SCOPES)
def test_switched_off_is_who_is_in_a_switched_off_scope(names: list[str], switched_off: set[str]) -> None:
    ou = "/" + "/".join(names)
    above = {"/", *("/" + "/".join(names[: depth + 1]) for depth in range(len(names)))}
    told = Control(switched_off=frozenset(switched_off)).off_for(ACCOUNT, ou)
    expected = {f"OU {path}" for path in above & switched_off}
    expected |= {"the organisation"} if "organization" in switched_off else set()
    expected |= {f"account {ACCOUNT}"} if ACCOUNT in switched_off else set()
    assert set(told) == expected
    assert len(told) == len(expected)


@given(accounts=ACCOUNTS)
def test_a_directory_is_read_back_and_has_one_spelling(accounts: dict[str, str]) -> None:
    directory = Directory("o-exampleorgid", accounts)
    again = Directory.loads(directory.dumps())
    assert again == directory
    assert again.digest == Directory("o-exampleorgid", dict(reversed(accounts.items()))).digest


@given(data=st.one_of(st.binary(max_size=40), NO_DIRECTORIES))
def test_what_is_no_directory_is_told(data: bytes) -> None:
    with pytest.raises(DirectoryError):
        Directory.loads(data)


@pytest.mark.parametrize("path", ["/", "/Workloads", "/Workloads/Prod/EU"])
def test_an_account_is_found_where_it_is(new_scenario: NewScenario, path: str) -> None:
    scenario = new_scenario(accounts={ACCOUNT: AccountSpec("payments-prod", path)}, warm=False)
    organizations = scenario.services().clients.hub("organizations")
    assert look_up(organizations, ACCOUNT) == path
    assert look_up(organizations, "888899990000") is None


@pytest.mark.parametrize("operation", ["DescribeAccount", "ListParents", "DescribeOrganizationalUnit"])
def test_when_organizations_refuses_nothing_is_proven(new_scenario: NewScenario, operation: str) -> None:
    scenario = new_scenario(warm=False, faults=[f"organizations:{operation}=AccessDeniedException"])
    with scenario.simulation.delivering(1), pytest.raises(DirectoryError, match="AccessDenied"):
        look_up(scenario.services().clients.hub("organizations"), ACCOUNT)


class Slow:
    """A table that leaves keys unprocessed, as DynamoDB may, so many times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.asked: list[Any] = []

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        (table,) = request["RequestItems"].values()
        assert table["ConsistentRead"] is True
        self.asked.append(len(table["Keys"]))
        self.times -= 1
        done, left = (table["Keys"][:1], table["Keys"][1:]) if self.times >= 0 else (table["Keys"], [])
        items = [{**key, **to_item({"bundle": "b"})} for key in done if key == to_item(CONTROL_KEY)]
        unprocessed = {"t": {"Keys": left, "ConsistentRead": True}} if left else {}
        return {"Responses": {"t": items}, "UnprocessedKeys": unprocessed}


@pytest.mark.parametrize("times", [0, 1, 3])
def test_keys_left_unprocessed_are_asked_for_again(times: int) -> None:
    table = Slow(times)
    facts = HubRecords(table, "t", runtime()).facts(TARGET, NOW)
    assert facts.control.bundle == "b"
    assert table.asked == [5, 4, 3, 2, 1][: times + 1]


def test_half_a_record_is_none() -> None:
    class Never(Slow):
        def batch_get_item(self, **request: Any) -> dict[str, Any]:
            self.asked.append(1)
            return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}

    table = Never(0)
    with pytest.raises(ControlError):
        HubRecords(table, "t", runtime()).facts(TARGET, NOW)
    assert 2 <= len(table.asked) <= 10


def test_the_records_tell_what_was_recorded(new_scenario: NewScenario) -> None:
    scenario = new_scenario(warm=False)
    records = scenario.services().records
    assert records.facts(TARGET, NOW).groups == {}
    records.record_group(TARGET, "vpc-1#a", "sg-1")
    records.record_group(TARGET, "vpc-2#a", "sg-2")
    records.record_group(TARGET, "vpc-1#a", "sg-3")
    records.remember_account(ACCOUNT, "/Workloads")
    facts = records.facts(TARGET, scenario.simulation.clock.now())
    assert facts.groups == {"vpc-1#a": "sg-3", "vpc-2#a": "sg-2"}
    assert records.group(TARGET, "vpc-2#a") == "sg-2"
    assert records.group(TARGET, "vpc-3#a") is None
    assert facts.known_ou == "/Workloads"


def test_what_organizations_said_of_an_account_counts_for_an_hour(new_scenario: NewScenario) -> None:
    scenario = new_scenario(warm=False)
    records, clock = scenario.services().records, scenario.simulation.clock
    records.remember_account(ACCOUNT, "/Old")
    found_at = clock.now()
    assert records.facts(TARGET, found_at + FOUND_VALID - timedelta(seconds=1)).known_ou == "/Old"
    assert records.facts(TARGET, found_at + FOUND_VALID + timedelta(seconds=1)).known_ou is None
    clock.sleep(FOUND_VALID.total_seconds() * 2)
    records.remember_account(ACCOUNT, "/New")
    assert records.facts(TARGET, clock.now()).known_ou == "/New"


def test_an_account_that_the_directory_lacks_is_asked_for_again_after_an_hour(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    directory = Directory("o-exampleorgid")  # the account came after the last sweep
    bucket = scenario.deployment.settings.policy_bucket
    scenario.services().clients.hub("s3").put_object(
        Bucket=bucket, Key=object_key(directory.digest), Body=directory.dumps()
    )
    scenario.control({"directory": directory.digest})
    scenario.deliver(asff())  # with the old directory, until the first read of the control record tells of the new one
    assert lookups(scenario) == 0
    for hours, asked in ((0, 1), (0.5, 1), (2, 2)):
        scenario.simulation.clock.sleep(hours * 3600)
        scenario.deliver(asff())
        assert lookups(scenario) == asked


def lookups(scenario: Scenario) -> int:
    return len(scenario.calls("DescribeAccount"))


def test_records_wait_for_somebody_elses_transaction(new_scenario: NewScenario) -> None:
    conflict = "TransactionConflictException*5"
    scenario = new_scenario(warm=False, faults=[f"dynamodb:{each}={conflict}" for each in ("PutItem", "UpdateItem")])
    records = scenario.services().records
    with scenario.simulation.delivering(1):
        records.remember_account(ACCOUNT, "/Workloads")
        records.record_group(TARGET, "vpc-1#a", "sg-1")
    facts = records.facts(TARGET, scenario.simulation.clock.now())
    assert (facts.known_ou, facts.groups) == ("/Workloads", {"vpc-1#a": "sg-1"})


def test_the_records_raise_what_dynamodb_raises(new_scenario: NewScenario) -> None:
    scenario = new_scenario(warm=False, faults=["dynamodb:BatchGetItem=AccessDeniedException"])
    with scenario.simulation.delivering(1), pytest.raises(ClientError, match="AccessDenied"):
        scenario.services().records.facts(TARGET, NOW)
