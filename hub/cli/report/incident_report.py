# SPDX-License-Identifier: Apache-2.0
"""One incident as a person reads it: what was found, what was decided and by which line, what was done, what is left.

What is said about the host is read from the simulated cloud; the incident's record is quoted as a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions.finding.model import Finding, Target
from functions.incident.model import Incident, RestoredItem, State, StepOutcome
from functions.steps import registry
from hub.cli.report.planned_calls import in_words
from hub.cli.report.terminal import Terminal
from hub.cli.report.world_facts import (
    Cell,
    WorldFacts,
    connection_rows,
    identity_rows,
    merged,
    network_rows,
    protection_rows,
    rule_rows,
    service_rows,
    tag_rows,
)
from hub.simulation.run import time_to_contain_ms
from hub.simulation.world_spec import WorldSpec

_LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class AccountTitle:
    """Where a host lives, for people."""

    id: str
    name: str
    ou: str

    @classmethod
    def of(cls, account: str, spec: WorldSpec) -> AccountTitle:
        """Look an account up in the world that was asked for."""
        known = spec.accounts.get(account)
        return cls(account, known.name if known else "", known.ou if known else "")

    def __str__(self) -> str:
        name = "" if self.name == f"account-{self.id}" else self.name
        more = ", ".join(each for each in (name, self.ou) if each)
        return f"{self.id} ({more})" if more else self.id


@dataclass(frozen=True, slots=True)
class IncidentReport:
    """An incident with all that its report needs. ``worlds`` are (heading, WORLD), the oldest first.

    ``timed`` False: the clock stood still but for back-off, so that times say nothing.
    """

    incident: Incident
    findings: Sequence[Finding]
    account: AccountTitle
    worlds: Sequence[tuple[str, Mapping[str, Any]]]
    config: Path | None = None
    round_trips: int | None = None
    timed: bool = True


_WITHIN = {step.name: step.within for step in registry.STEPS if step.within}


def step_title(step: str) -> str:
    """Return a step's name for people: an option of another step is printed with that step."""
    return f"{_WITHIN[step]}: {step}" if step in _WITHIN else step


def print_incident(terminal: Terminal, report: IncidentReport, *, brief: bool = False) -> None:
    """Print the report; ``brief`` is the head alone."""
    incident = report.incident
    terminal.heading(incident.id, incident.state.value)
    terminal.facts(_head(report))
    if brief:
        return
    acted = bool(incident.baseline) and any(step.outcome is not StepOutcome.PLANNED for step in incident.steps)
    if acted:
        _print_steps(terminal, incident)
        _print_facts(terminal, report)
    elif incident.plan:
        rows = [(step_title(call.step), in_words(call)) for call in incident.plan]
        terminal.table(("step", "what would be done"), rows, title="Plan")
        warnings = [(step_title(step.name), step.reason) for step in incident.steps if step.reason]
        terminal.table(("step", "to be known of it"), warnings, title="Before you agree")
    meanings = {risk.word: risk.meaning for risk in registry.risks()}
    risks = [(word, meanings.get(word, "")) for word in incident.residual_risk]
    title = "What was left while it was contained" if incident.state is State.RELEASED else "What is left"
    terminal.table(("residual risk", "what it means"), risks, title=title)
    if risks and incident.state is not State.RELEASED:
        terminal.line("What ends each of them: docs/reference/residual-risk.md", indent=2)
    print_release(terminal, incident)


def print_network(terminal: Terminal, report: IncidentReport) -> None:
    """Print what each interface wears in each of the worlds."""
    _print_rows(terminal, report, network_rows, "Network: the groups of each interface", "interface")


def print_service(terminal: Terminal, report: IncidentReport) -> None:
    """Print the host's states in scaling groups and target groups in each of the worlds."""
    _print_rows(terminal, report, service_rows, "Service: who sends the host work")


def print_identity(terminal: Terminal, report: IncidentReport) -> None:
    """Print what changed about roles and users in each of the worlds."""
    _print_rows(terminal, report, identity_rows, "Identity: role and users")


def print_release(terminal: Terminal, incident: Incident) -> None:
    """Print what a release put back, the failures in full."""
    if not incident.release:
        return
    rows = [
        (step_title(item.step), item.what, "done" if item.restored else "failed", item.reason)
        for item in _grouped(incident.release)
    ]
    terminal.table(("step", "put back", "outcome", "reason"), rows, title="Release")
    commands = [(item.what, item.command) for item in incident.release if item.command]
    if commands:
        terminal.blank()
        terminal.line("Left to a person", indent=2)
        terminal.unfolded(("what", "by which command"), commands)
    if incident.state is State.RELEASING:
        terminal.line(f"To end the release: cordon release {incident.id} --by NAME", indent=2)


def policy_line(config: Path | None, origin: str | None) -> str:
    """Return the text of the line that an origin (``config/organization.yaml:12``) names, or an empty string."""
    if config is None or origin is None:
        return ""
    name, _, number = origin.rpartition(":")
    try:
        lines = (config / name.partition("/")[2]).read_text(encoding="utf-8").splitlines()
        return lines[int(number) - 1].strip()
    except (OSError, ValueError, IndexError):  # the built-in layer, or a file that was changed since
        return ""


def _head(report: IncidentReport) -> list[tuple[str, object]]:
    incident, target = report.incident, report.incident.target
    rows: list[tuple[str, object]] = []
    for finding in report.findings:
        severity = finding.severity
        score = f" {severity.score:g}" if severity.score is not None else ""
        sample = ", a sample" if finding.sample else ""
        kinds = f"{', '.join(finding.types)} ({severity.label.value}{score}, {finding.direction.value}{sample})"
        rows.append(("" if rows else "finding", (_short(finding.title), kinds)))
    rows.append(("host", f"{target.instance} in {target.region}, account {report.account}"))
    rule = f"{incident.mode.value} by rule {incident.rule}" if incident.rule else incident.mode.value
    line = policy_line(report.config, incident.origin)
    origin = (f"{incident.origin}: {line}" if line else incident.origin,) if incident.origin else ()
    rows.append(("decision", (rule, *origin)))
    # A release's reason stands in place of the containment's, which the timeline still has.
    earlier = [text for _, text in incident.timeline[:-1]] if incident.release else []
    rows.append(("reason", (*earlier[-1:], incident.reason)))
    took = time_to_contain_ms(incident)
    if took is not None and report.timed:
        trips = f", {report.round_trips} round trips in sequence" if report.round_trips is not None else ""
        rows.append(("time", f"{took} ms from receiving the event to the verified isolation{trips}"))
    return rows


def _print_steps(terminal: Terminal, incident: Incident) -> None:
    rows: list[tuple[object, ...]] = []
    for step in incident.steps:
        failed = [item for item in step.items if item.outcome is StepOutcome.FAILED]
        if len(failed) <= 1:
            rows.append((step_title(step.name), step.outcome.value, _why(step.reason, step.error)))
            continue
        # The step's own reason repeats the reasons of its items.
        rows.append((step_title(step.name), step.outcome.value, f"{len(failed)} items failed"))
        rows += [
            ("", item.outcome.value, _why(f"{item.what}: {item.reason}", item.error))
            for item in step.items
            if item.outcome is not StepOutcome.DONE
        ]
    terminal.table(("step", "outcome", "reason"), rows, title="Steps")


def _print_facts(terminal: Terminal, report: IncidentReport) -> None:
    incident, target = report.incident, report.incident.target
    headings = [heading for heading, _ in report.worlds]
    worlds = [WorldFacts(world) for _, world in report.worlds]
    print_service(terminal, report)
    print_network(terminal, report)
    for group in _quarantine_groups(incident):
        found = worlds[-1].group(group)
        if found is not None:
            title = f"Rules of {found['name']} ({group})"
            terminal.table(("direction", "what", "peer"), rule_rows(found), title=title)
    snapshots = [(each["id"], each["volume"], each["state"]) for each in worlds[-1].snapshots(incident.id)]
    terminal.table(("snapshot", "volume", "state"), snapshots, title="Evidence")
    terminal.table(("piece", "SHA-256"), _captured(incident), title="Captured before it is gone")
    _print_rows(terminal, report, connection_rows, "Connections: what bears on those that are open")
    print_identity(terminal, report)
    _print_change(terminal, "setting", headings, protection_rows(target, worlds), "Protection")
    _print_change(terminal, "tag", headings, tag_rows(target, worlds), "Tags of the instance")


def _print_rows(
    terminal: Terminal,
    report: IncidentReport,
    rows: Callable[[Target, Sequence[WorldFacts]], Iterable[Sequence[Cell]]],
    title: str,
    what: str = "what",
) -> None:
    worlds = [WorldFacts(world) for _, world in report.worlds]
    headings = [heading for heading, _ in report.worlds]
    _print_change(terminal, what, headings, rows(report.incident.target, worlds), title)


def _print_change(
    terminal: Terminal, what: str, headings: Sequence[str], rows: Iterable[Sequence[Cell]], title: str
) -> None:
    columns, cells = merged(headings, rows)
    if cells:
        terminal.table((what, *columns), cells, title=title)


def _quarantine_groups(incident: Incident) -> list[str]:
    return [str(step.receipt["group"]) for step in incident.steps if step.receipt.get("group")]


def _captured(incident: Incident) -> list[tuple[str, str]]:
    """Return the files that the record says were kept, with the beginning of their hashes."""
    files = [each for step in incident.steps for each in (step.receipt.get("files") or {}).values()]
    return [(str(each["key"]).rpartition("/")[2], f"{each['sha256'][:16]}...") for each in files]


def _grouped(items: Sequence[RestoredItem]) -> list[RestoredItem]:
    """Return what was put back, restored tags as one line: there are two for each resource."""
    tags = [item for item in items if item.restored and not item.reason and item.what.startswith("tag ")]
    rest = [item for item in items if item not in tags]
    if not tags:
        return rest
    together = RestoredItem(tags[0].step, f"{len(tags)} tags of instance, interfaces and volumes", restored=True)
    return [*rest, together]


def _why(reason: str, error: str | None) -> str:
    return f"{reason} [{error}]" if error and error not in reason else reason


def _short(title: str) -> str:
    return title if len(title) <= _LONGEST_TITLE else title[:_LONGEST_TITLE] + "..."
