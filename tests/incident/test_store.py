# SPDX-License-Identifier: Apache-2.0
"""The record: a baseline that is written once, counters consumed once, outcomes written together with the claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.incident import claim_document
from functions.incident.conflict import ATTEMPTS
from functions.incident.errors import ClaimLostError, LimitReachedError, NewerSchemaError
from functions.incident.evidence import EvidenceFile
from functions.incident.items import claim_key, finding_key, incident_key, stamp, to_item, update_of, usage_key
from functions.incident.model import (
    Claim,
    Conclusion,
    ItemOutcome,
    LeaseHolder,
    PlannedCall,
    RestoredItem,
    State,
    StepOutcome,
)
from functions.incident.store import Counter
from functions.policy.model import Mode
from hub.simulation.faults import parse_fault
from tests.incident.conftest import Tables
from tests.incident.made import INCIDENT, LEASE, OURS, THEIRS, Table, decision, provisional
from tests.policy.made import ACCOUNT, NOW, TARGET, finding
from tests.results import step_result

SECTION = {"interfaces": {"eni-1": ["sg-b", "sg-a"]}, "vpc": None, "count": 1, "flag": True, "text": "ü\x1b"}
LIMIT = 2
COUNTER = Counter(ACCOUNT, LIMIT)

RAW = EvidenceFile("key", "sha", "v1", 3)


def begin(table: Table, by: LeaseHolder = OURS, incident: str = INCIDENT, **given: object) -> None:
    arguments = {"sections": {"isolate": SECTION}, "counters": [COUNTER], **given}
    table.store.begin_containment(incident, TARGET, decision(), by, **arguments)  # type: ignore[arg-type]


def used(table: Table, scope: str = ACCOUNT) -> int:
    counted = table.read(usage_key(scope, table.clock.now()))
    return int(counted["containments"]) if counted else 0


def section(table: Table, name: str = "isolate", incident: str = INCIDENT) -> dict[str, object] | None:
    return table.read(incident_key(incident, f"baseline#{name}"))


def conclude(table: Table, claim: Claim, by: LeaseHolder = OURS, **changes: object) -> Claim | None:
    values = {"state": State.CONTAINED, "mode": Mode.ENFORCE, "decision": decision(), "reason": "a reason", **changes}
    return table.store.conclude(INCIDENT, TARGET, by, claim, Conclusion(**values))  # type: ignore[arg-type]


def opened(table: Table) -> Claim:
    assert table.open(OURS) is None
    return claim_document.opened(INCIDENT, finding(), provisional(), OURS)


def test_a_baseline_is_written_once(table: Table) -> None:
    begin(table)
    first = section(table)
    for by in (THEIRS, LeaseHolder("third", "message-1")):
        with pytest.raises(ClientError, match="TransactionCanceled"):
            begin(table, by, sections={"isolate": {"interfaces": {"eni-1": ["sg-quarantine"]}}, "protect": {}})
    assert section(table) == first
    assert section(table, "protect") is None
    assert used(table) == 1


def test_a_further_section_joins_the_baseline(table: Table) -> None:
    begin(table)
    begin(table, THEIRS, sections={"protect": {"attributes": {}}}, counters=[])
    loaded = table.store.load(INCIDENT)
    assert loaded is not None
    assert loaded.baseline == {"isolate": SECTION, "protect": {"attributes": {}}}


@pytest.mark.parametrize(
    "fault", ["timeout-after", "timeout-before", "timeout-after*3", "TransactionInProgressException*2"]
)
def test_counters_are_consumed_once_whatever_becomes_of_the_answer(table_with: Tables, fault: str) -> None:
    table = table_with(f"dynamodb:TransactWriteItems={fault}")
    begin(table)
    assert used(table) == 1
    assert section(table) is not None


def test_the_same_attempt_again_is_recognised(table: Table) -> None:
    begin(table)
    first = section(table)
    begin(table)
    assert used(table) == 1
    assert section(table) == first


@pytest.mark.parametrize("scope", ["organization", f"{ACCOUNT}#eu-west-1#web"])
def test_a_limit_names_its_scope_and_nothing_is_written(table: Table, scope: str) -> None:
    wide, narrow = Counter(ACCOUNT, 100), Counter(scope, LIMIT)
    for number in range(LIMIT):
        begin(table, incident=f"inc-{number}", counters=[wide, narrow])
    with pytest.raises(LimitReachedError, match=scope) as caught:
        begin(table, incident="inc-9", counters=[wide, narrow])
    assert caught.value.scope == scope
    assert (used(table), used(table, scope)) == (LIMIT, LIMIT)
    assert section(table, incident="inc-9") is None
    assert table.read(incident_key("inc-9", "head")) is None


def test_the_next_hour_counts_anew(table: Table) -> None:
    for number in range(LIMIT):
        begin(table, incident=f"inc-{number}")
    table.clock.sleep(3600)
    begin(table, incident="inc-9")
    assert used(table) == 1


def test_a_refused_baseline_is_not_taken_for_a_limit(table: Table) -> None:
    begin(table, counters=[Counter(ACCOUNT, 1)])
    with pytest.raises((ClientError, LimitReachedError)) as caught:
        begin(table, THEIRS, counters=[Counter("organization", 5)])
    assert isinstance(caught.value, ClientError)


def test_nothing_is_written_for_an_incident_before_it_begins(table: Table) -> None:
    assert table.store.load(INCIDENT) is None
    table.store.add_finding(INCIDENT, finding(), message="m", raw=RAW)
    assert table.store.load(INCIDENT) is None


def test_what_came_in_meanwhile_is_handed_back_and_nothing_is_written(table: Table) -> None:
    claim = opened(table)
    further = finding(id="another", types=("Recon:EC2/Portscan",))
    stood = table.open(THEIRS)
    assert stood is not None
    assert table.claims.append(TARGET, stood, further, provisional(finding_id="another"))
    before = table.read(claim_key(TARGET))
    left = conclude(table, claim, timeline=((NOW, "text"),), steps=(step_result("isolate", StepOutcome.DONE),))
    assert left is not None
    assert left.token == OURS.token
    assert {each.provisional.finding_id for each in left.unseen.values()} == {finding().id, "another"}
    assert table.read(claim_key(TARGET)) == before
    assert table.store.load(INCIDENT) is None
    assert table.read(incident_key(INCIDENT, "step#isolate")) is None

    assert conclude(table, left) is None
    stands = table.open(THEIRS)
    assert stands is not None
    assert stands.unseen == {}
    assert stands.seen == {finding_key(each): stamp(NOW) for each in (finding().id, "another")}


def test_of_several_versions_the_newest_is_what_was_seen(table: Table) -> None:
    claim = opened(table)
    stood = table.open(THEIRS)
    assert stood is not None
    for minutes in (15, 30):
        newer = finding(updated_at=NOW + timedelta(minutes=minutes))
        assert table.claims.append(TARGET, stood, newer, provisional())
    left = conclude(table, claim)
    assert left is not None
    assert conclude(table, left) is None
    stands = table.open(THEIRS)
    assert stands is not None
    assert stands.seen == {finding_key(finding().id): stamp(NOW + timedelta(minutes=30))}


def test_unfinished_keeps_what_is_unseen_for_the_next_try(table: Table) -> None:
    claim = opened(table)
    assert conclude(table, claim, unfinished=True, state=State.PARTIAL) is None
    stands = table.open(THEIRS)
    assert stands is not None
    assert stands.unfinished
    assert stands.token is None
    assert set(stands.unseen) == set(claim.unseen)
    assert stands.seen == {}
    assert stands.state is State.PARTIAL


def test_a_lost_lease_is_told_and_nothing_is_written(table: Table) -> None:
    claim = opened(table)
    table.clock.sleep(LEASE.total_seconds() + 1)
    assert table.claims.take(TARGET, claim, finding(), provisional(), THEIRS) is not None
    with pytest.raises(ClaimLostError) as caught:
        conclude(table, claim, steps=(step_result("isolate", StepOutcome.DONE),))
    assert caught.value.incident == INCIDENT
    assert table.store.load(INCIDENT) is None
    assert table.read(incident_key(INCIDENT, "step#isolate")) is None


def test_a_lease_that_somebody_took_and_gave_back_is_lost_too(table: Table) -> None:
    claim = opened(table)
    table.clock.sleep(LEASE.total_seconds() + 1)
    taken = table.claims.take(TARGET, claim, finding(), provisional(), THEIRS)
    assert taken is not None
    assert conclude(table, taken, THEIRS, reason="theirs") is None
    with pytest.raises(ClaimLostError):
        conclude(table, claim, reason="ours, too late")
    loaded = table.store.load(INCIDENT)
    assert loaded is not None
    assert loaded.reason == "theirs"


@pytest.mark.parametrize("fault", ["timeout-after", "timeout-before", "timeout-after*3"])
def test_a_conclusion_whose_answer_got_lost_is_done(table_with: Tables, fault: str) -> None:
    table = table_with(f"dynamodb:TransactWriteItems={fault}")
    claim = opened(table)
    assert conclude(table, claim) is None
    loaded = table.store.load(INCIDENT)
    assert loaded is not None
    assert loaded.state is State.CONTAINED


def test_the_same_conclusion_again_is_recognised(table: Table) -> None:
    claim = opened(table)
    assert conclude(table, claim) is None
    assert conclude(table, claim) is None


def test_a_release_is_dated_and_empties_what_is_unseen(table: Table) -> None:
    claim = opened(table)
    assert conclude(table, claim, state=State.RELEASED) is None
    stands = table.open(THEIRS)
    assert stands is not None
    assert stands.state is State.RELEASED
    assert stands.released_at is not None
    assert abs(stands.released_at - table.clock.now()) < timedelta(seconds=1)


def test_everything_that_is_written_is_read_back(table: Table) -> None:
    claim = opened(table)
    table.store.add_finding(INCIDENT, finding(), message="m", raw=RAW)
    table.store.add_finding(INCIDENT, finding(), message="m", raw=RAW)
    table.store.add_finding(
        INCIDENT, finding(id="a", types=("Recon:EC2/Portscan", "Trojan:EC2/DropPoint")), message="n", raw=None
    )
    begin(table)
    steps = (
        step_result(
            "isolate",
            StepOutcome.FAILED,
            "eni-2: denied",
            "UnauthorizedOperation",
            (
                ItemOutcome("eni-1", StepOutcome.DONE, "worn already"),
                ItemOutcome("eni-2", StepOutcome.FAILED, "denied", "UnauthorizedOperation"),
                ItemOutcome("eni-3", StepOutcome.FAILED, "slow", "timeout", transient=True),
            ),
            {"group": "sg-1", "swapped": ["eni-1"], "verified": [], "nothing": None},
        ),
        step_result("protect", StepOutcome.SKIPPED, "switched off by policy"),
        step_result("snapshot", StepOutcome.PLANNED),
    )
    plan = (PlannedCall("isolate", "ModifyNetworkInterfaceAttribute", {"Groups": ["sg-1"], "N": 1, "F": False}),)
    clocks = {"received": NOW, "isolated": NOW + timedelta(milliseconds=123)}
    release = (RestoredItem("isolate", "groups of eni-1", restored=False, reason="changed"),)
    assert (
        conclude(
            table,
            claim,
            state=State.PARTIAL,
            steps=steps,
            plan=plan,
            clocks=clocks,
            release=release,
            residual_risk=("dns", "interfaces"),
            timeline=((NOW, "first"), (NOW + timedelta(seconds=1), "second")),
        )
        is None
    )
    table.clock.sleep(1)
    taken = table.claims.take(TARGET, claim, finding(id="b"), provisional(finding_id="b"), THEIRS)
    assert taken is not None
    later = ((NOW + timedelta(hours=1), "third"),)
    assert conclude(table, taken, THEIRS, decision=None, timeline=later, state=State.PARTIAL) is None

    loaded = table.store.load(INCIDENT)
    assert loaded is not None
    assert loaded.id == INCIDENT
    assert loaded.target == TARGET
    assert (loaded.state, loaded.mode) == (State.PARTIAL, Mode.ENFORCE)
    assert (loaded.rule, loaded.origin, loaded.bundle) == ("tor", "config/organization.yaml:3", "b" * 64)
    assert loaded.reason == "a reason"
    assert set(loaded.findings) == {finding().id, "a"}
    assert set(loaded.types) == {"UnauthorizedAccess:EC2/TorClient", "Recon:EC2/Portscan", "Trojan:EC2/DropPoint"}
    assert loaded.plan == plan
    assert loaded.steps == steps
    assert loaded.residual_risk == ("dns", "interfaces")
    assert loaded.clocks == clocks
    assert loaded.baseline == {"isolate": SECTION}
    assert [text for _, text in loaded.timeline] == ["first", "second", "third"]
    assert loaded.release == release


def make_newer(table: Table, key: Mapping[str, str]) -> dict[str, Any]:
    """Give an item the schema of a newer version, and return it."""
    table.dynamodb.update_item(
        TableName=table.name,
        Key=to_item(key),
        **update_of({"schema": 2, "new": "of that version"}),
    )
    item = table.read(key)
    assert item is not None
    return item


STEPS = (step_result("isolate", StepOutcome.DONE),)
WRITES: dict[str, tuple[Mapping[str, str], Callable[[Table, Claim], object]]] = {
    "a finding": (
        incident_key(INCIDENT, f"finding#{finding_key(finding().id)}"),
        lambda table, _: table.store.add_finding(INCIDENT, finding(), message="m", raw=RAW),
    ),
    "the head, at the beginning": (
        incident_key(INCIDENT, "head"),
        lambda table, _: begin(table, sections={"protect": {}}),
    ),
    "a section": (incident_key(INCIDENT, "baseline#isolate"), lambda table, _: begin(table, THEIRS)),
    "a section, late": (
        incident_key(INCIDENT, "baseline#isolate"),
        lambda table, _: table.store.write_section(INCIDENT, "isolate", SECTION, holder=THEIRS),
    ),
    "the head, at the end": (incident_key(INCIDENT, "head"), lambda table, claim: conclude(table, claim, steps=STEPS)),
    "a step": (incident_key(INCIDENT, "step#isolate"), lambda table, claim: conclude(table, claim, steps=STEPS)),
    "the claim, at the end": (claim_key(TARGET), conclude),
    "the head, at a release": (
        incident_key(INCIDENT, "head"),
        lambda table, _: table.heads.begin_release(INCIDENT, TARGET, OURS),
    ),
    "the claim, at a release": (
        claim_key(TARGET),
        lambda table, _: table.heads.begin_release(INCIDENT, TARGET, OURS),
    ),
    "the claim, a further finding": (
        claim_key(TARGET),
        lambda table, claim: table.claims.append(TARGET, claim, finding(id="b"), provisional()),
    ),
    "the claim, its lease": (claim_key(TARGET), lambda table, _: table.claims.lease(TARGET, INCIDENT, OURS)),
    "the claim, its lease for a finding": (
        claim_key(TARGET),
        lambda table, claim: table.claims.take(TARGET, claim, finding(), provisional(), OURS),
    ),
    "the claim, a new episode": (
        claim_key(TARGET),
        lambda table, claim: table.claims.reopen(TARGET, claim, "inc-2", finding(), provisional(), OURS),
    ),
    "the claim, a first incident": (claim_key(TARGET), lambda table, _: table.open(THEIRS)),
}


@pytest.mark.parametrize("write", WRITES)
def test_nothing_that_a_newer_version_wrote_is_overwritten(table: Table, write: str) -> None:
    """Not even by a process that read it before that version wrote it."""
    claim = opened(table)
    table.store.add_finding(INCIDENT, finding(), message="m", raw=RAW)
    begin(table)
    left = conclude(table, claim, unfinished=True, steps=STEPS)
    assert left is None
    assert table.claims.lease(TARGET, INCIDENT, OURS) is not None
    key, call = WRITES[write]
    before = make_newer(table, key)
    with pytest.raises(NewerSchemaError):
        call(table, replace(claim, arrivals=1))
    assert table.read(key) == before


def test_a_mark_on_a_newer_head_is_refused(table: Table) -> None:
    table.heads.note_opened(INCIDENT, TARGET)
    key = incident_key(INCIDENT, "head")
    before = make_newer(table, key)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        table.heads.note_opened(INCIDENT, TARGET)
    assert table.read(key) == before


def test_a_lease_is_given_up_by_its_holder_alone_and_nothing_else_is_changed(table: Table) -> None:
    opened(table)
    table.claims.give_up(TARGET, THEIRS)
    before = table.read(claim_key(TARGET))
    assert before is not None
    assert before["token"] == OURS.token
    table.claims.give_up(TARGET, OURS)
    left = {name: value for name, value in before.items() if name not in claim_document.LEASE}
    assert table.read(claim_key(TARGET)) == left
    table.claims.give_up(TARGET, OURS)


def test_a_newer_cancelled_section_is_not_replaced(table: Table) -> None:
    begin(table)
    table.store.cancel_containment(INCIDENT, OURS, sections=["isolate"], counters=[])
    key = incident_key(INCIDENT, "baseline#isolate")
    before = make_newer(table, key)
    with pytest.raises(NewerSchemaError):
        begin(table, THEIRS)
    assert table.read(key) == before


def test_a_record_of_many_pages_is_read_whole(table: Table) -> None:
    long = "x" * 100_000
    for number in range(15):
        found = finding(id=f"{number:03}", title=long)
        table.store.add_finding(INCIDENT, found, message="m", raw=None)
    begin(table)
    loaded = table.store.load(INCIDENT)
    assert loaded is not None
    assert len(loaded.findings) == 15


def test_hundreds_of_unseen_findings_are_concluded_within_dynamodbs_limits(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB takes expressions of 4 KB; an incident that can't be finished for days gathers many findings."""
    claim = opened(table)
    unseen = {f"{number:033}": claim.unseen[next(iter(claim.unseen))] for number in range(300)}
    lengths: list[int] = []

    def measure(**request: Any) -> None:
        updates = [each["Update"] for each in request["TransactItems"] if "Update" in each]
        lengths.extend(len(each["UpdateExpression"]) for each in updates)

    monkeypatch.setattr(table.dynamodb, "transact_write_items", measure)
    versions = {
        key: type(each)(provisional(finding_id=key), each.types, each.updated_at) for key, each in unseen.items()
    }
    many = replace(claim, unseen=versions)
    assert conclude(table, many) is None
    assert lengths
    assert max(lengths) < 4096


CONFLICTS = ["TransactionCanceledException", "TransactionInProgressException"]


@pytest.mark.parametrize("fault", CONFLICTS)
def test_a_transaction_that_meets_anothers_is_tried_again_and_counts_once(table_with: Tables, fault: str) -> None:
    table = table_with(f"dynamodb:TransactWriteItems={fault}*5")
    began = table.clock.now()
    begin(table)
    assert used(table) == 1
    assert timedelta(0) < table.clock.now() - began < timedelta(seconds=20)
    table.simulation.inject([parse_fault(f"dynamodb:TransactWriteItems={fault}*5")])
    assert conclude(table, opened(table)) is None
    loaded = table.store.load(INCIDENT)
    assert loaded is not None
    assert loaded.state is State.CONTAINED


def test_a_finding_meets_a_transaction_too(table_with: Tables) -> None:
    table = table_with("dynamodb:PutItem=TransactionConflictException*5")
    table.store.add_finding(INCIDENT, finding(), message="m", raw=None)
    assert table.read(incident_key(INCIDENT, f"finding#{finding_key(finding().id)}"))


def test_a_time_out_that_took_effect_before_a_conflict_is_recognised(table_with: Tables) -> None:
    """The first try took effect unseen, the second met it still under way, the third is told that it is done."""
    table = table_with(
        "dynamodb:TransactWriteItems=timeout-after", "dynamodb:TransactWriteItems=TransactionCanceledException*3"
    )
    begin(table, counters=[Counter(ACCOUNT, 1)])
    assert used(table) == 1
    assert len({call["parameters"]["ClientRequestToken"] for call in table.transactions}) == 1
    assert len(table.transactions) == 5


@pytest.mark.parametrize("call", ["begin", "conclude"])
def test_a_conflict_without_end_is_raised(table_with: Tables, call: str) -> None:
    table = table_with("dynamodb:TransactWriteItems=TransactionCanceledException")
    claim = opened(table)
    calls = {"begin": partial(begin, table), "conclude": partial(conclude, table, claim)}
    with pytest.raises(ClientError, match="TransactionCanceled"):
        calls[call]()
    assert len(table.transactions) == ATTEMPTS


@pytest.mark.parametrize("call", ["begin", "conclude"])
def test_other_errors_are_raised(table_with: Tables, call: str) -> None:
    table = table_with("dynamodb:TransactWriteItems=AccessDeniedException")
    claim = opened(table)
    calls = {"begin": partial(begin, table), "conclude": partial(conclude, table, claim)}
    with pytest.raises(ClientError, match="AccessDenied"):
        calls[call]()
