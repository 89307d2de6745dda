# SPDX-License-Identifier: Apache-2.0
"""``cordon organization lock``: the file is Organizations' word, the same bytes each time, and no half of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.policy.lock import read_lock
from tests.cli.running import cordon, document_of
from tests.organization_command.answering import HUB, MANAGEMENT, Answering

LOCK = "organization.lock.json"
TREE: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "r-abcd": ({"management": MANAGEMENT}, {"Security": "ou-1", "Workloads": "ou-2", "Sandbox": "ou-3"}),
    "ou-1": ({"security-hub": HUB, "forensics": "222222222222"}, {}),
    "ou-2": ({}, {"Prod": "ou-4"}),
    "ou-4": ({"payments-prod": "444455556666", "orders-prod-2": "555566667777"}, {}),
    "ou-3": ({"orders-dev": "666677778888", "sandbox": "777788889999", "gone": "888899990000"}, {}),
}


def organization(aws: Answering) -> None:
    """Queue the answers of a walk from the root down; one account is suspended."""
    aws.is_of(MANAGEMENT)
    aws.says("organizations", "describe_organization", {"Organization": {"Id": "o-exampleorgid"}}, {})
    aws.says("organizations", "list_roots", {"Roots": [{"Id": "r-abcd"}]}, {})
    below(aws, "r-abcd")


def below(aws: Answering, parent: str) -> None:
    accounts, units = TREE[parent]
    found = [
        {"Id": account, "Name": name, "State": "SUSPENDED" if name == "gone" else "ACTIVE"}
        for name, account in accounts.items()
    ]
    aws.says("organizations", "list_accounts_for_parent", {"Accounts": found}, {"ParentId": parent})
    inner = [{"Id": unit, "Name": name} for name, unit in units.items()]
    aws.says(
        "organizations", "list_organizational_units_for_parent", {"OrganizationalUnits": inner}, {"ParentId": parent}
    )
    for unit in units.values():
        below(aws, unit)


def lock(config: Path, *arguments: str) -> Any:
    return cordon("organization", "lock", "--config", config, *arguments)


def test_what_changed_is_shown(config: Path, aws: Answering) -> None:
    organization(aws)
    told = lock(config)

    assert (told.exit_code, told.stderr) == (0, "")
    assert told.stdout.splitlines() == [
        f"+ {MANAGEMENT} management in /",
        "~ 555566667777 orders-prod in /Workloads/Prod -> orders-prod-2 in /Workloads/Prod",
        "~ 666677778888 orders-dev in /Workloads/Dev -> orders-dev in /Sandbox",
        "7 accounts, 3 changes",
    ]


def test_the_same_organisation_gives_the_same_bytes(config: Path, aws: Answering) -> None:
    organization(aws)
    organization(aws)
    lock(config)
    first = (config / LOCK).read_bytes()
    again = lock(config, "--json")

    assert (config / LOCK).read_bytes() == first
    assert document_of(again)["changed"] == []
    assert sorted(path.name for path in config.iterdir() if "lock" in path.name) == [LOCK]


def test_the_file_that_ships_is_spelt_the_same_way(config: Path) -> None:
    from hub.policy.lock import spelt

    shipped = read_lock(config)
    assert spelt(shipped.organization, shipped.hub, shipped.forensics, shipped.accounts) == (config / LOCK).read_text()


def test_the_first_file(config: Path, aws: Answering) -> None:
    (config / LOCK).unlink()
    refused = lock(config)
    organization(aws)
    told = lock(config, "--hub", HUB, "--forensics", "999999999999")

    assert refused.exit_code == 2
    assert "is not there: give --hub, and --forensics" in " ".join(refused.stderr.split())
    assert told.stdout.splitlines()[:3] == [
        "~ organization none -> o-exampleorgid",
        f"~ hub none -> {HUB}",
        "~ forensics none -> 999999999999",
    ]
    assert told.stderr == "warning: the forensics account 999999999999 is no active account of the organisation\n"
    assert (read_lock(config).hub, read_lock(config).forensics) == (HUB, "999999999999")


def test_what_organizations_does_not_say_changes_nothing(config: Path, aws: Answering) -> None:
    before = (config / LOCK).read_bytes()
    aws.is_of("444455556666")
    aws.says("organizations", "describe_organization", {"Organization": {"Id": "o-exampleorgid"}})
    aws.refuses("organizations", "list_roots", "AccessDeniedException", "you are not allowed")
    told = lock(config)

    assert (told.exit_code, (config / LOCK).read_bytes()) == (1, before)
    assert "AWS did not list the accounts: ListRoots: AccessDeniedException" in told.stderr


def test_no_account_id(config: Path) -> None:
    told = lock(config, "--hub", "1111")
    assert told.exit_code == 2
    assert "'1111' is no account id: 12 digits" in told.stderr
