# SPDX-License-Identifier: Apache-2.0
"""Things that incidents share: the first one's original stands, and the last one to leave puts it back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from functions.incident.items import shared_resource_key, to_item, update_of
from functions.incident.shared_resources import RESTORE_TIME, ResourceBusyError, SharedResources, SharedUse
from tests.incident.conftest import Tables
from tests.incident.made import Table

ACCOUNT, ROLE = "444455556666", "role#web"
A, B, C = "inc-1kjq1eaw0-aaaaaaaa", "inc-1kjq1eaw0-bbbbbbbb", "inc-1kjq1eaw0-cccccccc"


def slot(others: Mapping[str, Any]) -> int:
    return min(set(range(1, 5)) - set(others.values()))


def acquire(on: SharedResources, incident: str, **original: Any) -> SharedUse:
    return on.acquire(ACCOUNT, ROLE, incident, original or {"attached": False}, slot)


def test_each_holder_has_a_share_of_its_own_and_the_first_original_stands(table: Table) -> None:
    on = table.shared_resources
    first = acquire(on, A)
    assert (first.share, dict(first.others), first.original) == (1, {}, {"attached": False})
    second = acquire(on, B, attached=True)
    assert (second.share, dict(second.others), second.original) == (2, {A: 1}, {"attached": False})
    assert acquire(on, A, attached=True).share == 1, "who uses it already keeps its share"


@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_only_the_last_to_leave_has_it_to_put_back(table: Table, order: tuple[str, str]) -> None:
    on = table.shared_resources
    acquire(on, A)
    acquire(on, B, attached=True)
    earlier, last = (on.release(ACCOUNT, ROLE, incident) for incident in order)
    assert earlier is not None
    assert last is not None
    assert (earlier.last, last.last) == (False, True)
    assert last.original == {"attached": False}
    on.finish_restore(ACCOUNT, ROLE, order[1])
    assert acquire(on, C, attached=True).original == {"attached": True}, "it was forgotten, and begins anew"


def test_who_never_joined_has_nothing_to_leave(table: Table) -> None:
    on = table.shared_resources
    assert on.release(ACCOUNT, ROLE, A) is None
    acquire(on, B)
    assert on.release(ACCOUNT, ROLE, A) is None


def test_nobody_joins_while_the_last_holder_puts_it_back(table: Table) -> None:
    on = table.shared_resources
    acquire(on, A)
    on.release(ACCOUNT, ROLE, A)
    with pytest.raises(ResourceBusyError):
        acquire(on, B, attached=True)
    on.finish_restore(ACCOUNT, ROLE, A)
    assert acquire(on, B, attached=True).original == {"attached": True}


def test_a_last_holder_that_died_is_taken_over_with_its_original(table: Table) -> None:
    on = table.shared_resources
    acquire(on, A)
    on.release(ACCOUNT, ROLE, A)
    table.clock.sleep((RESTORE_TIME + timedelta(seconds=1)).total_seconds())
    assert acquire(on, B, attached=True).original == {"attached": False}
    for too_late in (on.extend_restore, on.finish_restore):
        with pytest.raises(ResourceBusyError, match=f"^{B} acquired {ROLE} while"):
            too_late(ACCOUNT, ROLE, A)
    last = on.release(ACCOUNT, ROLE, B)
    assert last is not None
    assert last.last


def test_who_is_still_putting_it_back_is_given_room_for_another_call(table: Table) -> None:
    on = table.shared_resources
    acquire(on, A)
    on.release(ACCOUNT, ROLE, A)
    table.clock.sleep((RESTORE_TIME + timedelta(seconds=1)).total_seconds())
    on.extend_restore(ACCOUNT, ROLE, A)
    with pytest.raises(ResourceBusyError):
        acquire(on, B)
    on.finish_restore(ACCOUNT, ROLE, A)
    assert acquire(on, B, attached=True).original == {"attached": True}


def test_an_end_that_timed_out_after_it_took_effect_has_ended(table_with: Tables) -> None:
    on = table_with("dynamodb:PutItem=timeout-after*3").shared_resources
    acquire(on, A)
    on.release(ACCOUNT, ROLE, A)
    on.finish_restore(ACCOUNT, ROLE, A)
    assert acquire(on, B, attached=True).original == {"attached": True}


def test_a_release_that_died_before_it_could_put_back_is_still_the_last(table: Table) -> None:
    on = table.shared_resources
    acquire(on, A)
    on.release(ACCOUNT, ROLE, A)
    again = on.release(ACCOUNT, ROLE, A)
    assert again is not None
    assert again.last
    assert again.original == {"attached": False}


def test_a_later_holder_adds_what_the_first_did_not_know(table: Table) -> None:
    on = table.shared_resources
    acquire(on, A, keys={"AKIAEXAMPLE1": "Active"}, member=False)
    second = acquire(on, B, keys={"AKIAEXAMPLE1": "Inactive", "AKIAEXAMPLE2": "Active"}, member=True)
    assert second.original == {"keys": {"AKIAEXAMPLE1": "Active", "AKIAEXAMPLE2": "Active"}, "member": False}


def test_a_newer_record_makes_the_resource_busy_and_is_left(table: Table) -> None:
    on = table.shared_resources
    acquire(on, A)
    key = shared_resource_key(ACCOUNT, ROLE)
    table.dynamodb.update_item(TableName=table.name, Key=to_item(key), **update_of({"schema": 2}))
    before = table.read(key)
    sentence = "the record of role web in account 444455556666 was written by a newer version of Cordon"
    for call in (
        partial(acquire, on, B),
        partial(on.release, ACCOUNT, ROLE, A),
        partial(on.extend_restore, ACCOUNT, ROLE, A),
        partial(on.finish_restore, ACCOUNT, ROLE, A),
    ):
        with pytest.raises(ResourceBusyError, match=sentence):
            call()
    assert table.read(key) == before


@pytest.mark.parametrize("what", ["timeout-after", "timeout-before"])
def test_a_write_that_timed_out_is_made_once(table_with: Tables, what: str) -> None:
    table = table_with(f"dynamodb:PutItem={what}")
    on = table.shared_resources
    assert acquire(on, A).share == 1
    assert acquire(on, B).share == 2


def test_two_that_join_at_once_get_different_shares(table: Table) -> None:
    on = table.shared_resources
    joined = table.runtime.pool.all([partial(acquire, on, each) for each in (A, B, C)])
    assert sorted(hold.share for hold in joined) == [1, 2, 3]
