# SPDX-License-Identifier: Apache-2.0
"""The demonstration as a person sees it, scenario by scenario, with its summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from functions.incident.model import Incident
from hub.cli.report.incident_report import (
    AccountTitle,
    IncidentReport,
    print_identity,
    print_incident,
    print_network,
    print_release,
    print_service,
)
from hub.cli.report.simulation_report import findings_of, known
from hub.cli.report.terminal import Terminal
from hub.demo.checks import Check
from hub.demo.demonstration import Demonstration, ScenarioResult
from hub.demo.scenarios import API, LATENCY_MS
from hub.simulation.run import time_to_contain_ms

_NEXT = (
    ("cordon simulate FINDING.json", "what Cordon would do with a finding of yours"),
    ("cordon policy check", "whether the policy in config/ is right; config/README.md explains it"),
    ("cordon --help", "everything else; README.md has an overview"),
)


class DemoReport:
    """Reports the demonstration while it runs."""

    def __init__(self, terminal: Terminal, config: Path) -> None:
        self._terminal = terminal
        self._config = config

    def opening(self, demonstration: Demonstration, digest: str) -> None:
        """Print the organisation before the first scenario."""
        spec = demonstration.request.world
        self._terminal.line(
            f"A simulated organisation on this machine: {len(spec.accounts)} member accounts, {len(spec.instances)} "
            f"hosts, and the code that runs in Lambda. Every call to AWS takes {LATENCY_MS} ms. Nothing is sent over "
            "the network."
        )
        self._terminal.line(f"Policy: {self._config} (bundle {digest[:12]})")

    def scenario(self, number: int, title: str, what: str) -> None:
        """Announce a scenario."""
        self._terminal.heading(f"{number}. {title}")
        self._terminal.line(what, indent=2)

    def results(self, demonstration: Demonstration, result: ScenarioResult, checks: list[Check]) -> list[Check]:
        """Print the result of a scenario; return its checks."""
        name, terminal = result.scenario.name, self._terminal
        incidents = result.of(result.scenario.host)
        if name == "storm":
            self._storm(result, incidents)
        else:
            for each in result.handed:
                outcome = each.result.outcome.value if each.result else "dead-lettered"
                reason = each.result.reason if each.result else str(each.delivered.error)
                terminal.table(("outcome", "finding"), [(outcome, (each.delivered.event.file, reason))])
            for incident in incidents:
                worlds = [("before", result.before), ("after", result.after)]
                print_incident(terminal, self._incident_report(demonstration, incident, worlds), brief=name == "sample")
        self.checks(checks)
        return checks

    def release(self, demonstration: Demonstration, incident: Incident | None, checks: list[Check]) -> list[Check]:
        """Print how the first host was released; return the checks of it."""
        if incident is None:
            self._terminal.line(f"not released: {demonstration.refused or 'there is no incident'}", indent=2)
        else:
            worlds = [
                ("before", demonstration.before),
                ("contained", demonstration.results[-1].after),
                ("released", demonstration.released or {}),
            ]
            self._terminal.heading(incident.id, incident.state.value)
            self._terminal.line(incident.reason, indent=2)
            report = self._incident_report(demonstration, incident, worlds)
            print_service(self._terminal, report)
            print_network(self._terminal, report)
            print_identity(self._terminal, report)
            print_release(self._terminal, incident)
        self.checks(checks)
        return checks

    def checks(self, checks: Sequence[Check]) -> None:
        """Print the checks with their outcomes."""
        rows = [
            ("ok" if check.passed else "failed", check.what if check.passed else f"{check.what} (found: {check.found})")
            for check in checks
        ]
        self._terminal.table(("outcome", "checked in the simulated cloud"), rows, title="Checks", header=False)

    def closing(self, demonstration: Demonstration, checks: Sequence[Check], seconds: float) -> None:
        """Sum up, and say what to do next."""
        terminal = self._terminal
        terminal.heading("Summary")
        terminal.table(
            ("incident", "outcome", "time", "reason"), [_summary(result) for result in demonstration.results]
        )
        failed = [check for check in checks if not check.passed]
        terminal.blank()
        if failed:
            terminal.line(f"{len(failed)} of {len(checks)} checks failed, in {seconds:.1f} s:", style="bold red")
            for check in failed:
                terminal.line(f"{check.scenario}: {check.what} (found: {check.found})", indent=2)
        else:
            terminal.line(f"All {len(checks)} checks passed, in {seconds:.1f} s.", style="bold green")
        terminal.heading("What next")
        terminal.facts(_NEXT)

    def _storm(self, result: ScenarioResult, incidents: Sequence[Incident]) -> None:
        counted = Counter(
            (each.delivered.event.file, outcome) for each, outcome in zip(result.handed, result.outcomes, strict=True)
        )
        rows = [(outcome, number, file) for (file, outcome), number in counted.items()]
        self._terminal.table(("outcome", "times", "finding"), rows)
        for incident in incidents:
            snapshots = [each for each in result.after["snapshots"] if incident.id in each["tags"].values()]
            self._terminal.facts(
                [
                    ("incident", f"{incident.id}, {incident.state.value}, {len(incident.findings)} findings in it"),
                    ("snapshots", f"{len(snapshots)}, as before: one for each volume"),
                ]
            )

    def _incident_report(
        self, demonstration: Demonstration, incident: Incident, worlds: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> IncidentReport:
        events = [each.delivered.event for result in demonstration.results for each in result.handed]
        return IncidentReport(
            incident=incident,
            findings=known(incident, findings_of(events)),
            account=AccountTitle.of(incident.target.account, demonstration.request.world),
            worlds=worlds,
            config=self._config,
            round_trips=demonstration.ended().round_trips(incident) if incident.target == API else None,
        )


def _summary(result: ScenarioResult) -> tuple[str | tuple[str, ...], ...]:
    incidents = result.of(result.scenario.host)
    took = time_to_contain_ms(incidents[0]) if incidents and result.scenario.name == "contain" else None
    reasons = Counter(each.result.reason for each in result.handed if each.result)
    why = incidents[0].reason if incidents and result.scenario.name != "storm" else reasons.most_common(1)[0][0]
    outcomes = tuple(f"{outcome} x{n}" if n > 1 else outcome for outcome, n in Counter(result.outcomes).items())
    return result.scenario.name, outcomes, f"{took} ms" if took is not None else "-", why
