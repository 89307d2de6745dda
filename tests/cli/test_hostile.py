# SPDX-License-Identifier: Apache-2.0
"""Nothing of a finding, a file name or the cloud reaches a terminal raw."""

from __future__ import annotations

import copy
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.incident.model import PlannedCall
from hub.cli.invocation.simulation_request import SimulationArguments, simulation_request
from hub.cli.report.planned_calls import in_words
from hub.cli.report.printable import printable
from hub.cli.report.simulation_report import print_report
from hub.cli.report.terminal import Terminal
from hub.simulation.run import SimulationResult, run
from tests.cli.running import C2, CONFIG, simulate

TITLE = (
    "clear \x1b[2J title \x1b]0;owned\x07 c1 \x9b31m bidi \u202egnp.exe\u2066 back\x08\r lines\n\u2028 wide \u200b "
    "[red]markup[/red] :skull: caf\u00e9"
)
STATUS = "hidden\u202e"
"""No escape character: EC2's answers are XML, which can't carry one."""
SHOWN = (
    "\\x1b[2J",
    "\\x1b]0;owned\\x07",
    "\\x9b31m",
    "\\u202egnp.exe",
    "lines\\n",
    "[red]markup[/red]",
    ":skull:",
    "café",
)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class FakeTerminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A finding with a hostile title in a file of a hostile name, and a world whose host has a hostile tag."""
    folder = tmp_path_factory.mktemp("hostile")
    event = json.loads(C2.read_text())
    event["detail"]["findings"][0]["Title"] = TITLE
    finding = folder / "finding\x1b[31m\u202e\n.json"
    finding.write_text(json.dumps(event))
    host = {"id": "i-0a1b2c3d4e5f60718", "account": "444455556666", "region": "eu-west-1", "tags": {"status": STATUS}}
    world = folder / "world.json"
    world.write_text(json.dumps({"accounts": {"444455556666": {"name": "payments"}}, "instances": [host]}))
    return finding, world


@pytest.fixture(scope="module")
def ended(files: tuple[Path, Path]) -> SimulationResult:
    finding, world = files
    return run(simulation_request(SimulationArguments([str(finding)], CONFIG, world), then_release=True))


@pytest.fixture
def told(ended: SimulationResult, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The report, on a stream of the kind that the test names."""
    for name, value in {"NO_COLOR": None, "TERM": "xterm-256color", "COLUMNS": "200", **request.param[1]}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    stream = request.param[0]()
    print_report(ended, CONFIG, Terminal(stream))
    text: str = stream.getvalue()
    return text


PLAIN: list[tuple[type[io.StringIO], dict[str, str]]] = [
    (io.StringIO, {}),
    (FakeTerminal, {"NO_COLOR": "1"}),
    (FakeTerminal, {"TERM": "dumb"}),
]


@pytest.mark.parametrize("told", PLAIN, ids=["file", "NO_COLOR", "dumb"], indirect=True)
def test_plain_text_has_nothing_that_a_terminal_acts_on(told: str) -> None:
    assert {char for char in told if not char.isprintable()} == {"\n"}
    assert {part for part in SHOWN if part not in told} == set()


@pytest.mark.parametrize("told", [(FakeTerminal, {})], ids=["terminal"], indirect=True)
def test_a_terminal_gets_our_colours_and_no_others(told: str) -> None:
    without = COLOUR.sub("", told)

    assert without != told
    assert {char for char in without if not char.isprintable()} == {"\n"}
    assert {part for part in SHOWN if part not in without} == set()


@pytest.mark.parametrize("told", [(io.StringIO, {})], ids=["file"], indirect=True)
def test_the_name_of_the_file_and_a_tag_are_spelled_out(told: str) -> None:
    assert r"finding\x1b[31m\u202e\n.json" in told
    assert r"hidden\u202e" in told


def test_neither_do_errors_nor_logs(files: tuple[Path, Path]) -> None:
    finding, world = files
    results = [
        simulate(finding, "--world", world, "--log"),
        simulate(f"{finding}\x1b[1m"),
        simulate(finding, "--fault", "ec2:\x1b[31m=x"),
        simulate(finding, "--world", f"{world}\x9b"),
        simulate(finding, "--ou", "\x1b[5m"),
        simulate(finding, "--\x1b[5m"),
    ]

    assert [result.exit_code for result in results] == [0, 2, 2, 2, 2, 2]
    for result in results:
        assert {char for char in result.output if not char.isprintable()} <= {"\n"}


def test_a_document_is_ascii(files: tuple[Path, Path]) -> None:
    result = simulate(files[0], "--json")

    assert result.stdout.isascii()
    assert {char for char in result.stdout if not char.isprintable()} == {"\n"}


def test_a_stream_without_unicode_is_no_reason_to_fail(ended: SimulationResult) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    print_report(ended, CONFIG, Terminal(stream))

    assert b"caf\\xe9" in raw.getvalue()


@given(st.text())
def test_plain_text_is_printable(text: str) -> None:
    assert printable(text).isprintable()


@given(st.text(st.characters(categories=("L", "N"))))
def test_plain_text_leaves_what_is_printable(text: str) -> None:
    assert printable(text) == text


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
OPERATIONS = (
    "CreateSecurityGroup",
    "AuthorizeSecurityGroupIngress",
    "RevokeSecurityGroupEgress",
    "ModifyNetworkInterfaceAttribute",
    "ModifyInstanceAttribute",
    "CreateSnapshots",
    "CreateTags",
    "Unheard",
)
KEYS = ("GroupName", "VpcId", "IpPermissions", "GroupId", "NetworkInterfaceId", "Groups", "InstanceId", "Tags")


@given(st.sampled_from(OPERATIONS), st.dictionaries(st.sampled_from(KEYS), JSON))
def test_any_call_has_words(operation: str, parameters: dict[str, Any]) -> None:
    untouched = copy.deepcopy(parameters)

    assert in_words(PlannedCall("isolate", operation, parameters))
    assert parameters == untouched
