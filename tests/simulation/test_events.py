# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding.model import Dialect, Finding, Target
from functions.finding.parse import parse
from hub.simulation.errors import EventsError
from hub.simulation.events import SourceEvent, load, targets_named

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FOLDER = Path(__file__).parent.parent / "events"

NATIVE: dict[str, Any] = {
    "SchemaVersion": "2.0",
    "AccountId": "444455556666",
    "Region": "eu-west-1",
    "Partition": "aws",
    "Id": "1234567890abcdef1234567890abcdef",
    "Arn": "arn:aws:guardduty:eu-west-1:444455556666:detector/12abc34d567e8fa901bc2d34e56789f0/finding/"
    "1234567890abcdef1234567890abcdef",
    "Type": "Backdoor:EC2/C&CActivity.B!DNS",
    "Severity": 8,
    "Title": "a title",
    "Description": "a description",
    "CreatedAt": "2026-03-01T11:00:00.000Z",
    "UpdatedAt": "2026-03-01T11:00:00.000Z",
    "Resource": {"ResourceType": "Instance", "InstanceDetails": {"InstanceId": "i-0123456789abcdef0"}},
    "Service": {
        "ServiceName": "guardduty",
        "Archived": "false",
        "Count": 1,
        "Action": {"ActionType": "DNS_REQUEST", "DnsRequestAction": {"Domain": "c2.example.com"}},
        "EventFirstSeen": "2026-03-01T10:00:00.000Z",
        "EventLastSeen": "2026-03-01T11:00:00.000Z",
    },
}


def write(folder: Path, text: str) -> str:
    path = folder / "findings.json"
    path.write_text(text, encoding="utf-8")
    return str(path)


def stored(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return loaded


def test_what_get_findings_gives_becomes_the_event_with_its_strings_kept(tmp_path: Path) -> None:
    (event,) = load([write(tmp_path, json.dumps(NATIVE))])
    assert event.envelope is not None
    assert (event.envelope["source"], event.envelope["detail-type"]) == ("aws.guardduty", "GuardDuty Finding")
    assert (event.envelope["account"], event.envelope["region"]) == ("444455556666", "eu-west-1")
    assert event.envelope["detail"]["service"]["archived"] == "false"
    assert event.envelope["detail"]["resource"]["instanceDetails"]["instanceId"] == "i-0123456789abcdef0"
    (found,) = parse(json.loads(event.body(NOW)))
    assert isinstance(found, Finding)
    assert (found.dialect, found.closed) == (Dialect.NATIVE, False)
    assert targets_named([event]) == (
        {Target("aws", "444455556666", "eu-west-1", "i-0123456789abcdef0")},
        {"444455556666"},
    )


@pytest.mark.parametrize(
    ("name", "source", "kind"),
    [
        ("classic-c2-dns.json", "aws.securityhub", "Security Hub Findings - Imported"),
        ("v2-dns-exfiltration.json", "aws.securityhub", "Findings Imported V2"),
        ("native-tor-client.json", "aws.guardduty", "GuardDuty Finding"),
    ],
)
def test_a_bare_finding_gets_the_envelope_that_it_would_have_come_in(
    tmp_path: Path, name: str, source: str, kind: str
) -> None:
    envelope = stored(name)
    bare = envelope["detail"] if source == "aws.guardduty" else envelope["detail"]["findings"][0]
    (made,) = load([write(tmp_path, json.dumps(bare))])
    assert made.envelope is not None
    assert (made.envelope["source"], made.envelope["detail-type"]) == (source, kind)
    assert parse(made.envelope) == parse(envelope)
    found = parse(envelope)[0]
    assert isinstance(found, Finding)
    assert (made.envelope["account"], made.envelope["region"]) == (found.account, found.region)


def test_the_answer_of_get_findings_is_a_list_of_findings(tmp_path: Path) -> None:
    finding = stored("classic-c2-dns.json")["detail"]["findings"][0]
    events = load([write(tmp_path, json.dumps({"Findings": [finding, NATIVE]}))])
    assert [event.envelope["source"] for event in events if event.envelope] == ["aws.securityhub", "aws.guardduty"]


def test_an_envelope_stays_as_it_is_but_for_the_time(tmp_path: Path) -> None:
    envelope = stored("classic-c2-dns.json")
    (event,) = load([write(tmp_path, json.dumps(envelope))])
    assert json.loads(event.body(NOW)) == {**envelope, "time": "2026-03-01T12:00:00Z"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"a": 1}, {"b": 2}]', [(0, True), (1, True)]),
        ('[{"a": 1}, 7]', [(0, True), (1, False)]),
        ('{"a": 1}\n{"b": 2}\n', [(0, True), (1, True)]),
        ('{"a": 1}\n\nnonsense\n{"b": 2}', [(0, True), (1, False), (2, True)]),
        ("nonsense", [(0, False)]),
        ('{\n  "a": 1,\n  "b"\n}', [(0, False)]),
        ('"a word"', [(0, False)]),
        ("[" * 100_000, [(0, False)]),
        ('\ufeff{"a": 1}', [(0, True)]),
    ],
)
def test_lists_lines_and_nonsense(tmp_path: Path, text: str, expected: list[tuple[int, bool]]) -> None:
    events = load([write(tmp_path, text)])
    assert [(event.index, event.envelope is not None) for event in events] == expected


def test_a_line_that_cannot_be_parsed_goes_out_as_it_stands(tmp_path: Path) -> None:
    _, broken = load([write(tmp_path, '{"a": 1}\n{"b": ')])
    assert broken.body(NOW) == '{"b": '


def test_standard_input_is_a_file_named_dash() -> None:
    (event,) = load(["-"], io.StringIO('{"a": 1}'))
    assert (event.file, event.envelope) == ("-", {"a": 1})


def test_standard_input_may_begin_with_a_byte_order_mark() -> None:
    (event,) = load(["-"], io.StringIO('\ufeff{"a": 1}'))
    assert event.envelope == {"a": 1}


def nested(depth: int) -> Any:
    """Return a map of that many maps."""
    value: Any = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def spelt(depth: int) -> str:
    """Return the JSON of ``nested``, which ``json`` itself could not write."""
    return '{"a": ' * (depth - 1) + "{}" + "}" * (depth - 1)


# From where json can just read a document up to where it can't by far: somewhere in between it can't write it again.
DEPTHS = [100, 450, *range(470, 500, 5), *range(890, 1000, 4), 10_000, 100_000]


@pytest.mark.parametrize("shape", ["{}", "[{}]", '[{{"b": 1}}, {}]', '{{"Findings": [{}]}}', '{{"b": 1}}\n{}'])
def test_however_deep_an_event_is_it_goes_out(tmp_path: Path, shape: str) -> None:
    for depth in DEPTHS:
        text = shape.format(spelt(depth))
        events = load([write(tmp_path, text)])
        for event in events:
            assert event.body(NOW)
        assert spelt(depth)[:-1] in events[-1].body(NOW)


@pytest.mark.parametrize("key", ["AccountId", "accountId", "AwsAccountId", "class_uid"])
def test_a_deep_finding_without_an_envelope_goes_out_too(tmp_path: Path, key: str) -> None:
    head = f'{{"SchemaVersion": "", "Service": {{}}, "service": {{}}, "{key}": "444455556666", "deep": '
    for depth in DEPTHS:
        (event,) = load([write(tmp_path, head + spelt(depth) + "}")])
        assert spelt(depth) in event.body(NOW)


def test_a_deep_envelope_goes_out_as_it_stood_when_it_was_read() -> None:
    event = SourceEvent("file", 0, "as it was spelt", {"detail": nested(2000)})
    assert event.body(NOW) == "as it was spelt"


def test_every_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text("\n")
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EventsError) as caught:
        load([str(tmp_path / "absent.json"), str(tmp_path), str(empty), str(binary)])
    absent, folder, nothing, unreadable = caught.value.problems
    assert "absent.json: can't be read: No such file" in absent
    assert "can't be read: Is a directory" in folder
    assert "empty.json: has no event" in nothing
    assert "binary.json: can't be read" in unreadable


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_event_file_of_the_tests_is_one_event(path: Path) -> None:
    (event,) = load([str(path)])
    assert event.envelope is not None
    assert parse(json.loads(event.body(NOW)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_any_json_is_an_event_and_never_an_error(value: Any) -> None:
    event = SourceEvent.of("file", 0, value)
    body = json.loads(event.body(NOW))
    assert isinstance(body, dict) == isinstance(value, dict)
    targets_named([event])
