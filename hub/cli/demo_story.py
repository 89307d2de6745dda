# SPDX-License-Identifier: Apache-2.0
"""The demonstration as a person sees it, scene by scene, and what it came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from functions.incident.model import Incident
from hub.cli.incident_story import (
    Account,
    Telling,
    tell_identity,
    tell_incident,
    tell_network,
    tell_release,
    tell_service,
)
from hub.cli.screen import Screen
from hub.cli.story import findings_of, known
from hub.demo.checks import Check
from hub.demo.play import Play, Played
from hub.demo.scenes import API, LATENCY_MS
from hub.simulation.run import time_to_contain_ms

_NEXT = (
    ("cordon simulate FINDING.json", "what Cordon would do with a finding of yours"),
    ("cordon policy check", "whether the policy in config/ is right; config/README.md explains it"),
    ("cordon --help", "everything else; README.md has the whole picture"),
)


class DemoStory:
    """Tells the play as it goes on."""

    def __init__(self, screen: Screen, config: Path) -> None:
        self._screen = screen
        self._config = config

    def opening(self, play: Play, digest: str) -> None:
        """Say what there is before anything happens."""
        spec = play.request.world
        self._screen.line(
            f"A simulated organisation on this machine: {len(spec.accounts)} member accounts, {len(spec.instances)} "
            f"hosts, and the code that runs in Lambda. Every call to AWS takes {LATENCY_MS} ms. Nothing leaves this "
            "machine."
        )
        self._screen.line(f"Policy: {self._config} (bundle {digest[:12]})")

    def scene(self, number: int, title: str, what: str) -> None:
        """Announce a scene."""
        self._screen.heading(f"{number}. {title}")
        self._screen.line(what, indent=2)

    def played(self, play: Play, played: Played, checks: list[Check]) -> list[Check]:
        """Tell what came of a scene; return its checks."""
        name, screen = played.scene.name, self._screen
        incidents = played.of(played.scene.host)
        if name == "storm":
            self._storm(played, incidents)
        else:
            for each in played.handed:
                outcome = each.result.outcome.value if each.result else "dead-lettered"
                reason = each.result.reason if each.result else str(each.delivered.error)
                screen.table(("outcome", "finding"), [(outcome, (each.delivered.event.file, reason))])
            for incident in incidents:
                worlds = [("before", played.before), ("after", played.after)]
                tell_incident(screen, self._telling(play, incident, worlds), brief=name == "sample")
        self.checks(checks)
        return checks

    def release(self, play: Play, incident: Incident | None, checks: list[Check]) -> list[Check]:
        """Tell how the first host was put back; return the checks of it."""
        if incident is None:
            self._screen.line(f"not released: {play.refused or 'there is no incident'}", indent=2)
        else:
            worlds = [("before", play.before), ("contained", play.played[-1].after), ("released", play.released or {})]
            self._screen.heading(incident.id, incident.state.value)
            self._screen.line(incident.reason, indent=2)
            telling = self._telling(play, incident, worlds)
            tell_service(self._screen, telling)
            tell_network(self._screen, telling)
            tell_identity(self._screen, telling)
            tell_release(self._screen, incident)
        self.checks(checks)
        return checks

    def checks(self, checks: Sequence[Check]) -> None:
        """Print what was checked, and what did not hold."""
        rows = [
            ("ok" if check.held else "failed", check.what if check.held else f"{check.what} (found: {check.found})")
            for check in checks
        ]
        self._screen.table(("outcome", "checked in the simulated cloud"), rows, title="Checks", header=False)

    def closing(self, play: Play, checks: Sequence[Check], seconds: float) -> None:
        """Sum up, and say what to do next."""
        screen = self._screen
        screen.heading("Summary")
        screen.table(("incident", "outcome", "time", "why"), [_summary(played) for played in play.played])
        failed = [check for check in checks if not check.held]
        screen.blank()
        if failed:
            screen.line(f"{len(failed)} of {len(checks)} checks failed, in {seconds:.1f} s:", style="bold red")
            for check in failed:
                screen.line(f"{check.scene}: {check.what} (found: {check.found})", indent=2)
        else:
            screen.line(f"All {len(checks)} checks hold, in {seconds:.1f} s.", style="bold green")
        screen.heading("What next")
        screen.facts(_NEXT)

    def _storm(self, played: Played, incidents: Sequence[Incident]) -> None:
        counted = Counter(
            (each.delivered.event.file, outcome) for each, outcome in zip(played.handed, played.outcomes, strict=True)
        )
        rows = [(outcome, number, file) for (file, outcome), number in counted.items()]
        self._screen.table(("outcome", "times", "finding"), rows)
        for incident in incidents:
            snapshots = [each for each in played.after["snapshots"] if incident.id in each["tags"].values()]
            self._screen.facts(
                [
                    ("incident", f"{incident.id}, {incident.state.value}, {len(incident.findings)} findings in it"),
                    ("snapshots", f"{len(snapshots)}, as before: one for each volume"),
                ]
            )

    def _telling(self, play: Play, incident: Incident, worlds: Sequence[tuple[str, Mapping[str, Any]]]) -> Telling:
        events = [each.delivered.event for played in play.played for each in played.handed]
        return Telling(
            incident=incident,
            findings=known(incident, findings_of(events)),
            account=Account.of(incident.target.account, play.request.world),
            worlds=worlds,
            config=self._config,
            round_trips=play.ended().round_trips(incident) if incident.target == API else None,
        )


def _summary(played: Played) -> tuple[str | tuple[str, ...], ...]:
    incidents = played.of(played.scene.host)
    took = time_to_contain_ms(incidents[0]) if incidents and played.scene.name == "contain" else None
    reasons = Counter(each.result.reason for each in played.handed if each.result)
    why = incidents[0].reason if incidents and played.scene.name != "storm" else reasons.most_common(1)[0][0]
    outcomes = tuple(f"{outcome} x{n}" if n > 1 else outcome for outcome, n in Counter(played.outcomes).items())
    return played.scene.name, outcomes, f"{took} ms" if took is not None else "-", why
