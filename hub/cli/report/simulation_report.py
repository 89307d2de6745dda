# SPDX-License-Identifier: Apache-2.0
"""A simulation as a person reads it: every event with its outcome, every incident with its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.text import Text

from functions.finding.model import Finding, Target
from functions.finding.parse import parse
from functions.incident.model import Incident
from hub.cli.report.incident_report import AccountTitle, IncidentReport, print_incident
from hub.cli.report.terminal import Terminal, coloured, said
from hub.simulation.events import SourceEvent
from hub.simulation.run import SimulationResult


def print_report(ended: SimulationResult, config: Path | None = None, terminal: Terminal | None = None) -> None:
    """Print the report of a run; ``config`` is where the policy's lines can be looked up."""
    shown = terminal or Terminal()
    document = ended.document()
    events = document["events"]
    shown.heading(f"{_count(len(events), 'event')}, {_count(len(ended.incidents), 'incident')}")
    shown.table(
        ("outcome", "event"), [(each["outcome"], _event_text(each, several=len(events) > 1)) for each in events]
    )
    findings = findings_of(each.delivered.event for each in ended.handed)
    worlds = [("before", ended.world_before), ("after", ended.world)]
    if ended.world_released is not None:
        worlds.append(("released", ended.world_released))
    for incident in ended.incidents:
        report = IncidentReport(
            incident=incident,
            findings=known(incident, findings),
            account=AccountTitle.of(incident.target.account, ended.request.world),
            worlds=worlds,
            config=config,
            round_trips=ended.round_trips(incident),
            timed=ended.request.latency_ms > 0,
        )
        print_incident(shown, report)
    met = Counter((f"{call['service']}:{call['operation']}", call["fault"]) for call in ended.calls if call["fault"])
    rows = [(operation, fault, number) for (operation, fault), number in met.items()]
    shown.table(("call", "injected", "times"), rows, title="Faults that were met")
    for refused in ended.refused_releases:
        shown.line(f"not released: {refused}", style="bold red")
    shown.blank()


def findings_of(events: Iterable[SourceEvent]) -> dict[tuple[str, Target], Finding]:
    """Return the findings of the events, by id and host, the newest of each.

    Nothing keeps two events of different hosts from bearing one finding's id.
    """
    return {
        (finding.id, target): finding
        for event in events
        if event.envelope is not None
        for finding in parse(event.envelope)
        if isinstance(finding, Finding)
        for target in finding.targets
    }


def known(incident: Incident, findings: dict[tuple[str, Target], Finding]) -> Sequence[Finding]:
    """Return an incident's findings in the order in which they came."""
    keys = [(each, incident.target) for each in incident.findings]
    return [findings[key] for key in keys if key in findings]


def _event_text(event: dict[str, object], *, several: bool) -> Text:
    """Return file, number and reason of an event; the targets where they differ from the event as a whole."""
    place = f"{event['file']}"
    if several:
        place += f" #{event['index']}, delivery {event['delivery']}"
    if event["receives"] != 1:
        place += f", received {event['receives']} times"
    text = said(place)
    text.append("\n").append_text(said(event["reason"]))
    targets = event["targets"]
    if isinstance(targets, list) and len(targets) > 1:
        for target in targets:
            text.append("\n  ").append_text(coloured(target["outcome"]))
            text.append_text(said(f" {target['instance']} in {target['account']}: {target['reason']}"))
    return text


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
