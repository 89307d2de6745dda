# SPDX-License-Identifier: Apache-2.0
"""The claim in the table: one holder at a time, nothing forgotten, a write that timed out recognised."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from botocore.exceptions import ClientError

from functions.finding.model import Finding
from functions.incident.claim import Next, next_move
from functions.incident.claim_document import opened, unseen_key
from functions.incident.items import claim_key, finding_key, stamp
from functions.incident.model import Claim, Conclusion, LeaseHolder, State
from functions.policy.model import Mode
from tests.incident.conftest import Tables
from tests.incident.made import INCIDENT, LEASE, OURS, THEIRS, Table, decision, provisional
from tests.policy.made import NOW, TARGET, finding

FURTHER = finding(id="another", types=("Recon:EC2/Portscan",))


def stands(table: Table) -> Claim:
    """Return the claim as it stands, read by an attempt that is too late to change it."""
    stood = table.open(LeaseHolder("reader", "message-9"))
    assert stood is not None
    return stood


def take(table: Table, by: LeaseHolder = OURS, found: Finding = FURTHER) -> Claim | None:
    return table.claims.take(TARGET, stands(table), found, provisional(), by)


def concluded(table: Table, by: LeaseHolder, state: State = State.CONTAINED) -> Claim:
    """Give the lease back, and return the claim as it then stands."""
    end = Conclusion(state, Mode.ENFORCE, decision(), "a reason")
    assert table.store.conclude(INCIDENT, TARGET, by, stands(table), end) is None
    return stands(table)


def test_the_first_opens_and_what_it_is_told_is_what_stands(table: Table) -> None:
    before = table.clock.now()
    assert table.open(OURS) is None
    stood = stands(table)
    assert stood.lease_until is not None
    assert abs(stood.lease_until - (before + LEASE)) < timedelta(milliseconds=2)
    told = opened(INCIDENT, finding(), provisional(), OURS)
    assert replace(stood, lease_until=None) == told


def test_the_second_is_told_what_stands_and_changes_nothing(table: Table) -> None:
    table.open(OURS)
    before = table.read(claim_key(TARGET))
    stood = table.open(THEIRS, FURTHER, "inc-1kjq1eaw0-other000")
    assert stood is not None
    assert (stood.incident, stood.token, stood.message) == (INCIDENT, OURS.token, OURS.message)
    assert table.read(claim_key(TARGET)) == before


def test_another_account_region_partition_or_instance_is_another_target(table: Table) -> None:
    others = [
        replace(TARGET, account="555566667777"),
        replace(TARGET, region="eu-west-2"),
        replace(TARGET, partition="aws-cn"),
        replace(TARGET, instance="i-0000000000000002"),
    ]
    for number, target in enumerate([TARGET, *others]):
        assert table.claims.open(target, f"inc-{number}", finding(), provisional(), OURS) is None


@pytest.mark.parametrize("fault", ["timeout-after", "timeout-after*2", "timeout-before", "InternalServerError*2"])
def test_an_opening_whose_answer_got_lost_is_still_ours(table_with: Tables, fault: str) -> None:
    table = table_with(f"dynamodb:PutItem={fault}")
    assert table.open(OURS) is None
    assert stands(table).token == OURS.token


@pytest.mark.parametrize("fault", ["timeout-after", "timeout-before", "timeout-after*3"])
def test_a_lease_whose_answer_got_lost_is_still_ours(table_with: Tables, fault: str) -> None:
    table = table_with(f"dynamodb:UpdateItem={fault}")
    table.open(THEIRS)
    concluded(table, THEIRS)
    taken = take(table)
    assert taken is not None
    assert taken.token == OURS.token == stands(table).token


def test_a_lease_is_taken_when_it_is_free_or_has_run_out_and_not_before(table: Table) -> None:
    table.open(THEIRS)
    assert take(table) is None
    table.clock.sleep(LEASE.total_seconds() - 0.001)
    assert take(table) is None
    table.clock.sleep(0.002)
    taken = take(table)
    assert taken is not None
    assert (taken.token, taken.message, taken.incident) == (OURS.token, OURS.message, INCIDENT)
    assert set(taken.unseen) == {unseen_key(finding(), provisional()), unseen_key(FURTHER, provisional())}
    assert take(table, THEIRS) is None


def test_a_lease_on_an_incident_that_is_no_longer_the_targets_is_refused(table: Table) -> None:
    table.open(THEIRS)
    old = stands(table)
    released = concluded(table, THEIRS, State.RELEASED)
    later = finding(last_seen_at=NOW + timedelta(days=1), updated_at=NOW + timedelta(days=1))
    assert table.claims.reopen(TARGET, released, "inc-2", later, provisional(), OURS) is not None
    table.clock.sleep(LEASE.total_seconds() + 1)
    assert table.claims.take(TARGET, old, FURTHER, provisional(), THEIRS) is None
    assert table.claims.lease(TARGET, INCIDENT, THEIRS) is None


def test_two_at_once_one_lease(table: Table) -> None:
    for number in range(3):
        target = replace(TARGET, instance=f"i-000000000000000{number}")
        attempts = [LeaseHolder(f"t{each}", f"m{each}") for each in range(6)]
        open_ = partial(table.claims.open, target, INCIDENT, finding(), provisional())
        stands_ = table.runtime.pool.all([partial(open_, each) for each in attempts])
        assert stands_.count(None) == 1
        winner = attempts[stands_.index(None)]
        assert {each.token for each in stands_ if each is not None} == {winner.token}
        stood = next(each for each in stands_ if each is not None)
        table.clock.sleep(LEASE.total_seconds() + 1)
        take_ = partial(table.claims.take, target, stood, FURTHER, provisional())
        taken = table.runtime.pool.all([partial(take_, each) for each in attempts])
        assert sum(each is not None for each in taken) == 1


def test_append_puts_down_what_the_holder_then_finds(table: Table) -> None:
    table.open(THEIRS)
    assert table.claims.append(TARGET, stands(table), FURTHER, provisional(finding_id="another"))
    found = stands(table).unseen[unseen_key(FURTHER, provisional())]
    assert found.types == FURTHER.types
    assert found.provisional == provisional(finding_id="another")
    assert stands(table).token == THEIRS.token


def test_append_is_refused_when_nobody_holds_the_lease(table: Table) -> None:
    table.open(THEIRS)
    stood = stands(table)
    concluded(table, THEIRS)
    assert not table.claims.append(TARGET, stood, FURTHER, provisional())
    assert stands(table).unseen == {}


def test_append_is_refused_when_the_lease_has_run_out_or_changed_hands(table: Table) -> None:
    table.open(THEIRS)
    stood = stands(table)
    table.clock.sleep(LEASE.total_seconds() + 0.002)
    assert not table.claims.append(TARGET, stood, FURTHER, provisional())
    assert take(table) is not None
    assert not table.claims.append(TARGET, stood, finding(id="third"), provisional())


def test_a_newer_version_takes_the_place_of_the_last_and_is_noticed_all_the_same(table: Table) -> None:
    table.open(THEIRS)
    stood = stands(table)
    for version in range(1, 6):
        newer = finding(updated_at=NOW + timedelta(minutes=version))
        assert table.claims.append(TARGET, stood, newer, provisional())
    (waiting,) = stands(table).unseen.values()
    assert waiting.updated_at == stamp(NOW + timedelta(minutes=5))
    left = table.store.conclude(
        INCIDENT, TARGET, THEIRS, stood, Conclusion(State.CONTAINED, Mode.ENFORCE, None, "a reason")
    )
    assert left == stands(table)
    assert left.arrivals == stood.arrivals + 5


def test_a_weaker_version_never_takes_the_place_of_a_stricter_one(table: Table) -> None:
    table.open(THEIRS)  # enforces
    weaker = finding(updated_at=NOW + timedelta(minutes=1))
    assert table.claims.append(TARGET, stands(table), weaker, provisional(Mode.APPROVE))
    assert {each.provisional.mode for each in stands(table).unseen.values()} == {Mode.ENFORCE, Mode.APPROVE}
    assert concluded(table, THEIRS).seen == {finding_key(weaker.id): stamp(weaker.updated_at)}


def test_a_claim_that_stays_unfinished_does_not_grow_with_every_update(table: Table) -> None:
    table.open(OURS)
    unfinished = Conclusion(State.PARTIAL, Mode.ENFORCE, None, "a reason", unfinished=True)
    assert table.store.conclude(INCIDENT, TARGET, OURS, stands(table), unfinished) is None
    sizes = set()
    for number in range(10):
        by = LeaseHolder(f"token-{number}", f"message-{number}")
        newer = finding(updated_at=NOW + timedelta(minutes=number))
        taken = table.claims.take(TARGET, stands(table), newer, provisional(), by)
        assert taken is not None
        assert table.store.conclude(INCIDENT, TARGET, by, taken, unfinished) is None
        sizes.add(len(str(stands(table).unseen)))
    assert len(sizes) == 1


def test_an_older_version_that_comes_late_does_not_take_the_place_of_a_newer_one(table: Table) -> None:
    newer = finding(updated_at=NOW + timedelta(minutes=1))
    table.open(THEIRS, newer)
    table.clock.sleep(LEASE.total_seconds() + 1)
    taken = take(table, OURS, finding(updated_at=NOW))
    assert taken is not None
    (waiting,) = taken.unseen.values()
    assert waiting.updated_at == stamp(newer.updated_at)


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem"])
def test_somebody_elses_transaction_is_waited_for(table_with: Tables, operation: str) -> None:
    table = table_with(f"dynamodb:{operation}=TransactionConflictException*5")
    assert table.open(THEIRS) is None
    stood = stands(table)
    assert table.claims.append(TARGET, stood, FURTHER, provisional())
    concluded(table, THEIRS)
    assert take(table) is not None


def test_reopen_begins_a_new_episode_that_remembers_the_release(table: Table) -> None:
    table.open(THEIRS)
    released = concluded(table, THEIRS, State.RELEASED)
    assert released.released_at is not None
    assert not released.after_release
    anew = table.claims.reopen(TARGET, released, "inc-2", FURTHER, provisional(), OURS)
    assert anew is not None
    assert (anew.incident, anew.token, anew.state, anew.mode) == (
        "inc-2",
        OURS.token,
        State.OBSERVED,
        Mode.OFF,
    )
    assert anew.after_release
    assert anew.released_at == released.released_at
    assert anew.seen == {}
    assert set(anew.unseen) == {unseen_key(FURTHER, provisional())}
    assert table.claims.reopen(TARGET, released, "inc-3", FURTHER, provisional(), THEIRS) is None


def test_only_what_was_released_is_reopened(table: Table) -> None:
    table.open(THEIRS)
    contained = concluded(table, THEIRS)
    assert table.claims.reopen(TARGET, contained, "inc-2", FURTHER, provisional(), OURS) is None


def test_a_reopening_whose_answer_got_lost_is_recognised_by_its_token(table_with: Tables) -> None:
    table = table_with("dynamodb:UpdateItem=timeout-after")
    table.open(THEIRS)
    released = concluded(table, THEIRS, State.RELEASED)
    # The SDK's second try finds the condition no longer true; what stands is ours all the same.
    assert table.claims.reopen(TARGET, released, "inc-2", FURTHER, provisional(), OURS) is None
    assert next_move(stands(table), FURTHER, OURS, table.clock.now()) is Next.WORK


def test_a_release_leases_what_is_free(table: Table) -> None:
    table.open(THEIRS)
    assert table.claims.lease(TARGET, INCIDENT, OURS) is None
    concluded(table, THEIRS)
    leased = table.claims.lease(TARGET, INCIDENT, OURS)
    assert leased is not None
    assert leased.token == OURS.token
    assert leased.unseen == {}


def test_other_errors_are_raised(table_with: Tables) -> None:
    table = table_with("dynamodb:UpdateItem=AccessDeniedException")
    table.open(THEIRS)
    stood = stands(table)
    for call in (
        partial(table.claims.append, TARGET, stood, FURTHER, provisional()),
        partial(table.claims.take, TARGET, stood, FURTHER, provisional(), OURS),
        partial(table.claims.lease, TARGET, INCIDENT, OURS),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


def test_an_opening_that_is_refused_for_another_reason_is_raised(table_with: Tables) -> None:
    table = table_with("dynamodb:PutItem=AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        table.open(OURS)
