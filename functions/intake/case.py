# SPDX-License-Identifier: Apache-2.0
"""One finding on one target, as one attempt has it in hand."""

from __future__ import annotations

import hashlib
import logging
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from functions import log
from functions.aws import errors
from functions.context import MemberCredentials
from functions.finding.model import Finding, Target
from functions.incident import manifest
from functions.incident.claim import Attempt
from functions.incident.evidence import Kept
from functions.incident.model import StepResult
from functions.intake.hub import Hub
from functions.organization.control import Facts
from functions.organization.standing import Standing
from functions.policy.model import Cap, Mode, Policy, Provisional
from functions.steps import registry
from functions.steps.step import Member

OWN_ACCOUNT = "the account is the hub's own or the forensics account"


@dataclass(frozen=True, slots=True)
class Message:
    """A queue message: its id, when EventBridge took the event, how often it was received, and its body."""

    id: str
    received_at: datetime
    receives: int
    body: str


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that one attempt knows before it looks at the host."""

    hub: Hub
    finding: Finding
    target: Target
    message: Message
    attempt: Attempt
    standing: Standing
    ou: str
    provisional: Provisional
    facts: Facts

    @property
    def author(self) -> str:
        """The name under which this deployment writes notes on findings."""
        return self.hub.settings.qualifier

    @property
    def policy(self) -> Policy | None:
        """What is in force for the account; None without a valid bundle."""
        bundle = self.standing.bundle
        return bundle.policy_for(self.target.account, self.ou) if bundle and not self.standing.problem else None

    @property
    def caps(self) -> tuple[Cap, ...]:
        """What holds right now whatever a finding decided when it came in: kill switches, the hub's own accounts."""
        settings, account = self.hub.settings, self.target.account
        caps = []
        switched_off = self.standing.control.off_for(account, self.ou)
        if switched_off:
            caps.append(Cap(Mode.OBSERVE, f"containment is switched off for {', '.join(switched_off)}"))
        if account in {settings.hub_account, settings.forensics_account}:
            caps.append(Cap(Mode.OBSERVE, OWN_ACCOUNT))
        return tuple(caps)

    def member(self, incident: str) -> Member:
        """Return the member account as steps reach it."""
        hub = self.hub
        return Member(
            target=self.target,
            incident=incident,
            qualifier=hub.settings.qualifier,
            clients=hub.clients,
            runtime=hub.runtime,
            records=hub.records,
            holds=hub.holds,
            evidence=hub.evidence(incident),
            enter=partial(hub.enter, self.target, incident),
            groups=self.facts.groups,
            made=self.facts.made,
        )

    def keep_finding(self, incident: str, *, new: bool = False) -> Future[Kept | str]:
        """Record the finding with the incident (and a new incident as such), its raw event in the evidence bucket.

        All at once, beside the way to the host. The future holds the file, or why there is none, for ``note_kept``; it
        raises what the table raises.
        """
        return self.hub.runtime.pool.start(partial(self._keep, incident, new=new))

    def note_kept(self, incident: str, kept: Kept | str) -> str | None:
        """Record which file and which version of it the finding's event is; return why there is none, or None."""
        if isinstance(kept, str):
            return kept
        self._record(incident, kept)
        return None

    def _record(self, incident: str, kept: Kept | None = None) -> None:
        self.hub.store.add_finding(incident, self.finding, message=self.message.id, raw=kept)

    def _keep(self, incident: str, *, new: bool) -> Kept | str:
        hub, body = self.hub, self.message.body.encode(errors="surrogatepass")
        evidence = hub.evidence(incident)
        name = f"findings/{hashlib.sha256(body).hexdigest()}.json"
        recorded = hub.runtime.pool.start(partial(self._record, incident))
        opened = hub.runtime.pool.start(partial(self._note_opened, incident)) if new else None
        kept: Kept | str
        try:
            kept = evidence.keep(name, body, "application/json")
        except errors.AwsError as error:
            kept = f"the raw event was not kept: {errors.message(error)}"
            log.write("evidence", level=logging.ERROR, outcome="failed", reason=kept)
        recorded.result()
        if opened is not None:
            opened.result()
        return kept

    def keep_manifest(self, incident: str, steps: tuple[StepResult, ...]) -> str | None:
        """Write the manifest of an incident whose containment has begun; return what kept it from being, or None.

        ``steps`` are what this attempt did, which is not recorded before the manifest is.
        """
        try:
            record = self.hub.store.load(incident)
            if record is not None and record.baseline:
                self.hub.evidence(incident).keep(manifest.NAME, manifest.text(record, steps), "application/json")
        except errors.AwsError as error:
            problem = f"the manifest was not kept: {errors.message(error)}"
            log.write("evidence", level=logging.ERROR, outcome="failed", reason=problem)
            return problem
        return None

    def _note_opened(self, incident: str) -> None:
        """Make the incident visible early; that it could not be is logged, since its conclusion writes it anyway."""
        try:
            self.hub.heads.note_opened(incident, self.target)
        except errors.AwsError as error:
            log.write("record", level=logging.ERROR, outcome="failed", reason=errors.message(error))


def assume(hub: Hub, target: Target, incident: str, mode: Mode) -> MemberCredentials | Exception:
    """Return credentials fit for the mode, or the error that AssumeRole raised."""
    actions = registry.contain_actions(changing=mode is Mode.ENFORCE)
    try:
        return hub.assume(target, incident, purpose="contain", actions=actions)
    except errors.AwsError as error:
        return error
