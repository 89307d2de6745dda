# SPDX-License-Identifier: Apache-2.0
"""What a delivery may do about a claim that stood before it: every branch, and the edges of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding.model import Dialect, Finding
from functions.finding.parse import parse
from functions.incident.claim import Next, next_move, waits
from functions.incident.claim_document import unseen_key
from functions.incident.items import finding_key, stamp
from functions.incident.model import Claim, State
from functions.policy.model import Mode
from tests.finding import findings
from tests.incident.made import LEASE, OURS, claim, held, provisional, seen, unseen
from tests.policy.made import NOW, finding

MOMENT = timedelta(milliseconds=1)
FOUND = finding()
NEWER = finding(updated_at=NOW + timedelta(minutes=15))
OLDER = finding(updated_at=NOW - timedelta(minutes=15))
OTHER = finding(id="another")
DATELESS = finding(updated_at=None)
WAITING = {unseen_key(FOUND, provisional()): unseen(FOUND)}
RELEASED = claim(state=State.RELEASED, released_at=NOW)

TABLE = {
    # the lease is ours, whatever else is so
    "a write of ours that timed out took effect": (held(OURS, seen=seen(FOUND)), FOUND, Next.WORK),
    "ours, although the lease ran out": (held(OURS, lease_until=NOW - LEASE), FOUND, Next.WORK),
    # somebody else holds it
    "held, and the finding is new": (held(), FOUND, Next.APPEND),
    "held, and a newer version of a known one": (held(seen=seen(FOUND)), NEWER, Next.APPEND),
    "held, and an older version arrives late": (held(seen=seen(FOUND)), OLDER, Next.DUPLICATE),
    "held, and known already": (held(seen=seen(FOUND)), FOUND, Next.DUPLICATE),
    "held, and put down as unseen already": (held(unseen=WAITING), FOUND, Next.DUPLICATE),
    "held, and a newer version of one put down as unseen": (held(unseen=WAITING), NEWER, Next.APPEND),
    "held, and an older version of one put down as unseen": (held(unseen=WAITING), OLDER, Next.DUPLICATE),
    "held, and another finding": (held(unseen=WAITING, seen=seen(FOUND)), OTHER, Next.APPEND),
    "held for an earlier try of this very message": (held(message=OURS.message), FOUND, Next.WAIT),
    # the lease's edges
    "the lease has a moment left": (held(lease_until=NOW + MOMENT), FOUND, Next.APPEND),
    "the lease ends now": (held(lease_until=NOW, seen=seen(FOUND)), FOUND, Next.TAKE),
    "the lease is over": (held(lease_until=NOW - MOMENT, seen=seen(FOUND)), FOUND, Next.TAKE),
    "an earlier try of this message died": (held(message=OURS.message, lease_until=NOW), FOUND, Next.TAKE),
    # nobody holds it
    "idle, and the finding is new": (claim(), FOUND, Next.TAKE),
    "idle, and known": (claim(seen=seen(FOUND)), FOUND, Next.DUPLICATE),
    "idle, and a newer version": (claim(seen=seen(FOUND)), NEWER, Next.TAKE),
    "idle, and an older version arrives late": (claim(seen=seen(FOUND)), OLDER, Next.DUPLICATE),
    "idle and unfinished, although known": (claim(seen=seen(FOUND), unfinished=True), FOUND, Next.TAKE),
    "idle with something unseen left": (claim(seen=seen(FOUND), unseen=WAITING), FOUND, Next.TAKE),
    "idle, a finding without a date, new": (claim(), DATELESS, Next.TAKE),
    "idle, a finding without a date, known": (claim(seen=seen(FOUND)), DATELESS, Next.DUPLICATE),
    "the instance was gone last time": (claim(state=State.CLOSED, seen=seen(FOUND)), NEWER, Next.TAKE),
    "idle, known, and an earlier try of this message did it": (
        claim(seen=seen(FOUND), last_message=OURS.message),
        FOUND,
        Next.DONE,
    ),
    "idle, known, and another message did it": (claim(seen=seen(FOUND), last_message="m"), FOUND, Next.DUPLICATE),
    "idle, newer, and this message was here before": (
        claim(seen=seen(FOUND), last_message=OURS.message),
        NEWER,
        Next.TAKE,
    ),
    # after a release
    "released, activity before": (RELEASED, finding(last_seen_at=NOW - MOMENT), Next.PAST),
    "released, activity at that very moment": (RELEASED, finding(last_seen_at=NOW), Next.PAST),
    "released, activity a moment later": (RELEASED, finding(last_seen_at=NOW + MOMENT), Next.REOPEN),
    "released, told again of old activity": (
        RELEASED,
        finding(last_seen_at=NOW - MOMENT, updated_at=NOW + LEASE),
        Next.PAST,
    ),
    "released, no date of activity, updated before": (RELEASED, finding(last_seen_at=None), Next.PAST),
    "released, no date of activity, updated later": (
        RELEASED,
        finding(last_seen_at=None, updated_at=NOW + MOMENT),
        Next.REOPEN,
    ),
    "released, no date at all": (RELEASED, finding(last_seen_at=None, updated_at=None), Next.PAST),
    "released, and known": (replace(RELEASED, seen=dict(seen(FOUND))), FOUND, Next.DUPLICATE),
    "released, known, with later activity": (
        replace(RELEASED, seen=dict(seen(FOUND))),
        finding(last_seen_at=NOW + MOMENT, updated_at=NOW + LEASE),
        Next.REOPEN,
    ),
    "half released, activity before": (
        claim(state=State.RELEASING, released_at=NOW),
        finding(last_seen_at=NOW - MOMENT),
        Next.PAST,
    ),
    "half released, activity later": (
        claim(state=State.RELEASING, released_at=NOW),
        finding(last_seen_at=NOW + MOMENT, updated_at=NOW + LEASE),
        Next.TAKE,
    ),
    "a release under way is left alone": (held(state=State.RELEASING), FOUND, Next.APPEND),
}


@pytest.mark.parametrize("case", TABLE)
def test_next_move(case: str) -> None:
    stood, found, move = TABLE[case]
    assert next_move(stood, found, OURS, NOW) is move


def test_the_table_has_every_move() -> None:
    assert {move for _, _, move in TABLE.values()} == set(Next)


@pytest.mark.parametrize(
    ("first", "second"),
    [(findings.asff(), findings.native()), (findings.native(), findings.ocsf()), (findings.ocsf(), findings.asff())],
    ids=["classic and native", "native and new hub", "both hubs"],
)
def test_one_finding_in_two_dialects_is_one(first: findings.Json, second: findings.Json) -> None:
    (one,), (two,) = parse(findings.envelope(first)), parse(findings.envelope(second))
    assert isinstance(one, Finding)
    assert isinstance(two, Finding)
    assert one.dialect is not two.dialect
    assert unseen_key(one, provisional()) == unseen_key(two, provisional())
    assert next_move(claim(seen=seen(one)), two, OURS, NOW) is Next.DUPLICATE
    assert next_move(held(unseen={unseen_key(one, provisional()): unseen(one)}), two, OURS, NOW) is Next.DUPLICATE


def test_a_newer_version_takes_the_place_of_the_last_one_and_never_of_a_stricter_one() -> None:
    strict, weak = provisional(Mode.ENFORCE), provisional(Mode.OBSERVE)
    assert unseen_key(FOUND, strict) == unseen_key(replace(NEWER, dialect=Dialect.NATIVE), strict)
    assert unseen_key(FOUND, strict) != unseen_key(NEWER, weak)
    assert unseen_key(FOUND, strict) != unseen_key(OTHER, strict)


CLAIMS = st.builds(
    Claim,
    incident=st.just("inc-1"),
    state=st.sampled_from(State),
    mode=st.sampled_from(Mode),
    token=st.sampled_from([None, OURS.token, "theirs"]),
    message=st.sampled_from([None, OURS.message, "message-2"]),
    lease_until=st.sampled_from([None, NOW - LEASE, NOW, NOW + LEASE]),
    unfinished=st.booleans(),
    after_release=st.booleans(),
    released_at=st.sampled_from([None, NOW - LEASE, NOW, NOW + LEASE]),
    last_message=st.sampled_from([None, OURS.message, "message-2"]),
    unseen=st.sampled_from([{}, WAITING]),
    seen=st.sampled_from([{}, dict(seen(FOUND)), {finding_key(FOUND.id): stamp(OLDER.updated_at)}]),
)


@given(stood=CLAIMS, found=st.sampled_from([FOUND, NEWER, OLDER, OTHER, DATELESS]))
def test_always_something_and_never_two_workers(stood: Claim, found: Finding) -> None:
    move = next_move(stood, found, OURS, NOW)
    leased = stood.token is not None and stood.lease_until is not None and stood.lease_until > NOW
    if leased and stood.token != OURS.token:
        assert move in {Next.APPEND, Next.DUPLICATE, Next.WAIT}
    if move in {Next.DUPLICATE, Next.DONE}:
        # What is called a repetition is known, or waits to be looked at: nothing is dropped.
        known = stood.seen.get(finding_key(found.id))
        assert waits(stood, found) or (known is not None and stamp(found.updated_at) <= known)
    if move in {Next.PAST, Next.REOPEN}:
        assert stood.state in {State.RELEASED, State.RELEASING}
