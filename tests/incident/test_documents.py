# SPDX-License-Identifier: Apache-2.0
"""What is stored: read whichever version wrote it under this schema, and refused in one sentence under a higher one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.incident.claim_document import (
    LEASE,
    claim_values,
    given_back,
    lease,
    may_be_isolated,
    read_claim,
    read_unseen,
    releasing,
    reopened,
    unseen_text,
)
from functions.incident.documents import (
    CANCELLED,
    HEADLINE,
    head_begins,
    head_ends,
    head_first,
    head_opened,
    head_releasing,
    read_headline,
    read_incident,
    read_shared,
    section_values,
    shared_values,
    step_values,
    timeline_values,
)
from functions.incident.errors import NewerSchemaError, RecordError
from functions.incident.items import claim_key, from_item, incident_key, shared_resource_key, to_item
from functions.incident.model import (
    Claim,
    Conclusion,
    Headline,
    Incident,
    ItemOutcome,
    PlannedCall,
    RestoredItem,
    SharedRecord,
    State,
    StepOutcome,
    StepResult,
    Unseen,
)
from functions.incident.schema import SCHEMAS
from functions.policy.model import Candidate, Cap, Mode, Provisional
from tests.incident.examples import (
    CLAIM,
    CONCLUSION,
    FILE,
    FOLDER,
    KINDS,
    LATER,
    SECTION,
    SHARED,
    STEP,
    UNSEEN,
    stored,
    written,
)
from tests.incident.made import INCIDENT, OURS, decision
from tests.policy.made import NOW, TARGET, finding

OF_AN_INCIDENT = ("head", "finding", "section", "step", "timeline")
INCIDENT_AS_READ = Incident(
    id=INCIDENT,
    target=TARGET,
    state=State.RELEASING,
    mode=Mode.ENFORCE,
    rule="tor",
    origin="config/organization.yaml:3",
    bundle="b" * 64,
    reason="a reason",
    findings=(finding().id,),
    types=finding().types,
    plan=CONCLUSION.plan,
    steps=(STEP,),
    residual_risk=("dns", "interfaces"),
    clocks={"received": NOW, "isolated": LATER},
    baseline={"isolate": SECTION},
    timeline=((NOW, "first"), (LATER, "second")),
    release=CONCLUSION.release,
    kept={
        finding().id: {
            "key": FILE.key,
            "sha256": FILE.sha256,
            "version": "v1",
            "bytes": 1234,
            "at": "2026-06-01T12:00:00.000+00:00",
        }
    },
)


def incident_with(kind: str, document: Any) -> Incident | None:
    """Read the incident of the files, with one of its items replaced."""
    return read_incident(INCIDENT, [document if each == kind else stored(each) for each in OF_AN_INCIDENT])


READERS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "claim": (read_claim, CLAIM),
    "unseen": (read_unseen, UNSEEN),
    "shared-resource": (read_shared, SHARED),
    **{kind: (lambda document, kind=kind: incident_with(kind, document), INCIDENT_AS_READ) for kind in OF_AN_INCIDENT},
}


def test_there_is_a_file_and_a_reader_for_each_kind() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(KINDS) == set(READERS)
    kinds = {str(stored(kind)["sk"]).partition("#")[0] for kind in KINDS if kind != "unseen"} | {"unseen"}
    assert kinds == set(SCHEMAS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_earlier_version_stored_is_read(kind: str) -> None:
    read, expected = READERS[kind]
    assert read(stored(kind)) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_now_is_what_the_file_has(kind: str) -> None:
    """A changed record needs a changed file: a new one under a new schema, unless older versions may ignore it."""
    assert as_stored(written()[kind]) == stored(kind)


def as_stored(document: Any) -> Any:
    return document if isinstance(document, str) else from_item(to_item(document))


def with_more(value: Any) -> Any:
    """Return a document in which every object has a further field, those in texts of JSON with it."""
    if isinstance(value, dict):
        return {**{key: with_more(each) for key, each in value.items()}, "one more": "of a later version"}
    if isinstance(value, list):
        return [with_more(each) for each in value]
    if isinstance(value, str) and value[:1] in {"{", "["}:
        return json.dumps(with_more(json.loads(value)))
    return value


MAPS = {"unseen", "seen", "clocks", "document", "receipt", "kept", "incidents", "original"}
"""Attributes whose keys are no field names of ours, or of which the whole object is handed on."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_of_a_later_version_is_ignored(kind: str) -> None:
    read, expected = READERS[kind]
    document = stored(kind)
    if isinstance(document, str):
        more = with_more(document)
    else:
        more = {key: value if key in MAPS else with_more(value) for key, value in document.items()}
        more["one more"] = {"of": "a later version"}
    assert more != document
    if kind == "claim":
        more["unseen"] = {key: with_more(text) for key, text in document["unseen"].items()}
    # What a step is about to do is told as it was planned, every parameter of it.
    read_ = read(more)
    if kind == "head":
        read_ = replace(read_, plan=tuple(replace(call, parameters=without(call.parameters)) for call in read_.plan))
    assert read_ == expected


def without(parameters: Any) -> Any:
    return {name: value for name, value in parameters.items() if name != "one more"}


def newer(document: Any, number: object = Decimal(2)) -> Any:
    if isinstance(document, str):
        return json.dumps({**json.loads(document), "schema": int(number) if isinstance(number, Decimal) else number})
    return {**document, "schema": number}


TITLES = {
    "claim": f"the claim on {TARGET.instance}",
    "unseen": "a finding that waits",
    "head": f"the head of {INCIDENT}",
    "finding": f"a finding of {INCIDENT}",
    "section": f"the section isolate of the baseline of {INCIDENT}",
    "step": f"the step isolate of {INCIDENT}",
    "timeline": f"an entry of the timeline of {INCIDENT}",
    "shared-resource": f"the record of user alice in account {TARGET.account}",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_newer_schema_is_refused_in_one_sentence(kind: str) -> None:
    with pytest.raises(NewerSchemaError) as caught:
        READERS[kind][0](newer(stored(kind)))
    assert str(caught.value) == (
        f"{TITLES[kind]} was written by a newer version of Cordon (schema 2, this one reads 1): "
        "deploy that version again"
    )
    assert (caught.value.what, caught.value.schema) == (TITLES[kind], 2)
    assert caught.value.incident == (None if kind in {"unseen", "shared-resource"} else INCIDENT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("schema", [None, "1", Decimal(0), True], ids=str)
def test_what_has_no_schema_of_ours_is_refused(kind: str, schema: object) -> None:
    with pytest.raises(RecordError, match="has no schema that any version of Cordon stored") as caught:
        READERS[kind][0](newer(stored(kind), schema))
    assert not isinstance(caught.value, NewerSchemaError)


def test_a_newer_document_is_refused_before_it_is_taken_apart() -> None:
    for kind in KINDS:
        if kind == "unseen":
            continue
        key = {name: stored(kind)[name] for name in ("pk", "sk")}
        with pytest.raises(NewerSchemaError):
            READERS[kind][0]({**key, "schema": Decimal(2)})


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_that_lacks_a_field_is_refused_and_named(kind: str) -> None:
    document = stored(kind)
    broken = "{}" if kind == "unseen" else {name: document[name] for name in ("pk", "sk", "schema")}
    with pytest.raises(RecordError) as caught:
        READERS[kind][0](broken)
    assert str(caught.value).startswith(TITLES[kind])


@pytest.mark.parametrize(
    "broken",
    ["{}", "", "[]", "null", '{"schema": 1}', '{"schema": 1, "provisional": {}, "types": [], "updated_at": ""}'],
)
def test_a_finding_that_waits_and_is_broken_is_left_out_and_the_rest_stays(broken: str) -> None:
    (text,) = stored("claim")["unseen"].values()
    item = {**stored("claim"), "unseen": {"good": text, "broken": broken, "torn": text[:-2]}}
    assert dict(read_claim(item).unseen) == {"good": UNSEEN}


def test_a_newer_finding_that_waits_is_not_left_out() -> None:
    """It may be the strictest of them."""
    (text,) = stored("claim")["unseen"].values()
    with pytest.raises(NewerSchemaError) as caught:
        read_claim({**stored("claim"), "unseen": {"good": text, "other": newer(text)}})
    assert caught.value.what == f"the finding other in the claim on {TARGET.instance}"
    assert caught.value.incident == INCIDENT


def test_a_cancelled_section_counts_as_not_there_but_never_a_newer_one() -> None:
    cancelled = {**stored("section"), **{str(name): value for name, value in CANCELLED.items()}}
    read = incident_with("section", cancelled)
    assert read is not None
    assert read.baseline == {}
    with pytest.raises(NewerSchemaError):
        incident_with("section", newer(cancelled))


def test_an_item_of_an_unknown_kind_is_ignored() -> None:
    unknown = {**incident_key(INCIDENT, "approval#alice"), "schema": Decimal(7)}
    items = [stored(kind) for kind in OF_AN_INCIDENT]
    assert read_incident(INCIDENT, [*items, unknown]) == INCIDENT_AS_READ


def test_what_updates_set_are_fields_of_the_files() -> None:
    sets = {
        "claim": [
            lease(OURS, LATER),
            reopened(CLAIM, LATER),
            releasing(NOW),
            given_back(OURS, CLAIM, replace(CONCLUSION, state=State.RELEASED), NOW),
            dict.fromkeys(LEASE),
        ],
        "head": [
            head_opened(TARGET, NOW),
            head_first(NOW),
            head_begins(TARGET, decision(), NOW),
            head_ends(TARGET, CONCLUSION, decision(), NOW),
            head_releasing(NOW),
            dict.fromkeys(HEADLINE),
        ],
    }
    for kind, updates in sets.items():
        for update in updates:
            assert {str(name) for name in update} <= set(stored(kind))


def test_what_a_list_of_incidents_shows() -> None:
    head = {name: stored("head")[name] for name in HEADLINE}
    assert read_headline(head) == Headline(
        INCIDENT, TARGET, "releasing", "enforce", "tor", "a reason", "2026-06-01T12:00:00.000+00:00"
    )
    with pytest.raises(NewerSchemaError):
        read_headline(newer(head))


@pytest.mark.parametrize(
    ("changes", "isolated"),
    [
        ({}, True),
        ({"token": None}, True),
        ({"token": None, "state": "observed"}, False),
        ({"state": "observed"}, True),
        ({"schema": Decimal(2)}, False),
        ({"token": None, "state": "of a later version"}, False),
    ],
)
def test_hosts_that_may_be_isolated(changes: dict[str, Any], isolated: bool) -> None:
    assert may_be_isolated({**stored("claim"), **changes}) is isolated


TEXTS = st.text(max_size=8)
NAMES = st.text(min_size=1, max_size=8)
MAYBE = st.none() | TEXTS
MOMENTS = st.integers(0, 10**9).map(lambda milliseconds: NOW + timedelta(milliseconds=milliseconds))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(TEXTS, PLAIN, max_size=3)
TUPLES = st.lists(TEXTS, max_size=2).map(tuple)
PROVISIONALS = st.builds(
    Provisional,
    finding_id=TEXTS,
    mode=st.sampled_from(Mode),
    rule=MAYBE,
    origin=MAYBE,
    bundle=TEXTS,
    reasons=TUPLES,
    candidates=st.lists(st.builds(Candidate, TEXTS, TEXTS, st.sampled_from(Mode), TUPLES), max_size=2).map(tuple),
    caps=st.lists(st.builds(Cap, st.sampled_from(Mode), TEXTS), max_size=2).map(tuple),
    withdrawn=MAYBE,
    notes=TUPLES,
    open_exceptions=TUPLES,
    sequence_targets=st.integers(0, 9),
    active_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    users=TUPLES,
)
UNSEENS = st.builds(Unseen, PROVISIONALS, TUPLES, TEXTS)
TOKENS = st.none() | NAMES
CLAIMS = st.builds(
    Claim,
    incident=NAMES,
    state=st.sampled_from(State),
    mode=st.sampled_from(Mode),
    token=TOKENS,
    message=TOKENS,
    lease_until=st.none() | MOMENTS,
    unfinished=st.booleans(),
    after_release=st.booleans(),
    released_at=st.none() | MOMENTS,
    last_token=TOKENS,
    last_message=TOKENS,
    unseen=st.dictionaries(NAMES, UNSEENS, max_size=2),
    seen=st.dictionaries(NAMES, TEXTS, max_size=2),
    arrivals=st.integers(0, 10**6),
)
STEPS = st.builds(
    StepResult,
    name=NAMES,
    outcome=st.sampled_from(StepOutcome),
    reason=TEXTS,
    error=MAYBE,
    items=st.lists(
        st.builds(ItemOutcome, TEXTS, st.sampled_from(StepOutcome), TEXTS, MAYBE, st.booleans()), max_size=2
    ).map(tuple),
    receipt=OBJECTS,
)


def stored_again(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item as it comes back from the table."""
    return from_item(to_item(item))


@given(unseen=UNSEENS)
def test_a_finding_that_waits_comes_back(unseen: Unseen) -> None:
    assert read_unseen(unseen_text(unseen)) == unseen


@given(claim=CLAIMS)
def test_a_claim_comes_back(claim: Claim) -> None:
    assert read_claim(stored_again({**claim_key(TARGET), **claim_values(claim)})) == claim


@given(record=st.builds(SharedRecord, OBJECTS, OBJECTS, st.integers(1, 10**6), st.none() | NAMES, st.none() | MOMENTS))
def test_a_shared_resource_comes_back(record: SharedRecord) -> None:
    assert read_shared(stored_again({**shared_resource_key("1", "role#web"), **shared_values(record)})) == record


@given(
    conclusion=st.builds(
        Conclusion,
        state=st.sampled_from(State),
        mode=st.sampled_from(Mode),
        decision=st.just(decision()),
        reason=TEXTS,
        plan=st.lists(st.builds(PlannedCall, TEXTS, TEXTS, OBJECTS, TEXTS), max_size=2).map(tuple),
        steps=st.lists(STEPS, max_size=2, unique_by=lambda step: step.name).map(tuple),
        residual_risk=TUPLES,
        clocks=st.dictionaries(NAMES, MOMENTS, max_size=2),
        timeline=st.lists(st.tuples(MOMENTS, TEXTS), max_size=3).map(tuple),
        release=st.lists(
            st.builds(
                RestoredItem, TEXTS, TEXTS, restored=st.booleans(), reason=TEXTS, retry=st.booleans(), command=TEXTS
            ),
            max_size=2,
        ).map(tuple),
    ),
    sections=st.dictionaries(NAMES, OBJECTS, max_size=2),
)
def test_a_conclusion_comes_back(conclusion: Conclusion, sections: dict[str, dict[str, Any]]) -> None:
    ends: dict[Any, Any] = head_ends(TARGET, conclusion, decision(), LATER)
    items = [
        {**incident_key(INCIDENT, "head"), **head_opened(TARGET, NOW), **ends},
        {**incident_key(INCIDENT, "timeline#x"), **timeline_values(conclusion.timeline)},
        *(
            {**incident_key(INCIDENT, f"step#{step.name}"), **step_values(step, number)}
            for number, step in enumerate(conclusion.steps)
        ),
        *(
            {**incident_key(INCIDENT, f"baseline#{name}"), **section_values(section, OURS, NOW)}
            for name, section in sections.items()
        ),
    ]
    read = read_incident(INCIDENT, map(stored_again, items))
    assert read is not None
    assert (read.state, read.reason, read.target) == (conclusion.state, conclusion.reason, TARGET)
    assert (read.plan, read.steps, read.release) == (conclusion.plan, conclusion.steps, conclusion.release)
    assert (read.residual_risk, read.clocks) == (conclusion.residual_risk, conclusion.clocks)
    assert read.baseline == sections
    assert read.timeline == tuple(sorted(conclusion.timeline))


def test_no_moment_is_finer_than_what_is_stored() -> None:
    fine = datetime(2026, 3, 2, 10, 28, 1, 123456, UTC)
    claim = replace(CLAIM, lease_until=fine)
    read = read_claim(stored_again({**claim_key(TARGET), **claim_values(claim)}))
    assert read.lease_until == datetime(2026, 3, 2, 10, 28, 1, 123000, UTC)
