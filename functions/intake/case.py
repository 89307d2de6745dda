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
from functions.incident.evidence import EvidenceFile
from functions.incident.model import AnyResult, LeaseHolder
from functions.organization.control import Facts
from functions.organization.policy_in_force import PolicyInForce
from functions.policy.model import Cap, Mode, Policy, Provisional
from functions.services import Services
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

    services: Services
    finding: Finding
    target: Target
    message: Message
    holder: LeaseHolder
    in_force: PolicyInForce
    ou: str
    provisional: Provisional
    facts: Facts

    @property
    def author(self) -> str:
        """The name under which this deployment writes notes on findings."""
        return self.services.settings.qualifier

    @property
    def policy(self) -> Policy | None:
        """What is in force for the account; None without a valid bundle."""
        bundle = self.in_force.bundle
        return bundle.policy_for(self.target.account, self.ou) if bundle and not self.in_force.problem else None

    @property
    def caps(self) -> tuple[Cap, ...]:
        """What holds right now whatever a finding decided when it came in: kill switches, the hub's own accounts."""
        settings, account = self.services.settings, self.target.account
        caps = []
        switched_off = self.in_force.control.off_for(account, self.ou)
        if switched_off:
            caps.append(Cap(Mode.OBSERVE, f"containment is switched off for {', '.join(switched_off)}"))
        if account in {settings.hub_account, settings.forensics_account}:
            caps.append(Cap(Mode.OBSERVE, OWN_ACCOUNT))
        return tuple(caps)

    def member(self, incident: str) -> Member:
        """Return the member account as steps reach it."""
        services = self.services
        return Member(
            target=self.target,
            incident=incident,
            qualifier=services.settings.qualifier,
            clients=services.clients,
            runtime=services.runtime,
            records=services.records,
            shared_resources=services.shared_resources,
            evidence=services.evidence(incident),
            enter=partial(services.enter, self.target, incident),
            groups=self.facts.groups,
            made=self.facts.made,
        )

    def save_finding(self, incident: str, *, new: bool = False) -> Future[EvidenceFile | str]:
        """Record the finding with the incident (and a new incident as such), its raw event in the evidence bucket.

        All at once, beside the way to the host. The future holds the file, or why there is none, for ``note_kept``; it
        raises what the table raises.
        """
        return self.services.runtime.pool.start(partial(self._save, incident, new=new))

    def note_saved(self, incident: str, saved: EvidenceFile | str) -> str | None:
        """Record which file and which version of it the finding's event is; return why there is none, or None."""
        if isinstance(saved, str):
            return saved
        self._record(incident, saved)
        return None

    def _record(self, incident: str, saved: EvidenceFile | None = None) -> None:
        self.services.store.add_finding(incident, self.finding, message=self.message.id, raw=saved)

    def _save(self, incident: str, *, new: bool) -> EvidenceFile | str:
        services, body = self.services, self.message.body.encode(errors="surrogatepass")
        evidence = services.evidence(incident)
        name = f"findings/{hashlib.sha256(body).hexdigest()}.json"
        recorded = services.runtime.pool.start(partial(self._record, incident))
        opened = services.runtime.pool.start(partial(self._note_opened, incident)) if new else None
        saved: EvidenceFile | str
        try:
            saved = evidence.save(name, body, "application/json")
        except errors.AwsError as error:
            saved = f"the raw event was not kept: {errors.message(error)}"
            log.write("evidence", level=logging.ERROR, outcome="failed", reason=saved)
        recorded.result()
        if opened is not None:
            opened.result()
        return saved

    def save_manifest(self, incident: str, steps: tuple[AnyResult, ...]) -> str | None:
        """Write the manifest of an incident whose containment has begun; return what kept it from being, or None.

        ``steps`` are what this attempt did, which is not recorded before the manifest is.
        """
        try:
            record = self.services.store.load(incident)
            if record is not None and record.baseline:
                results = {step.name: step for step in (*record.steps, *steps)}
                document = manifest.text(record, registry.evidence_of(results))
                self.services.evidence(incident).save(manifest.NAME, document, "application/json")
        except errors.AwsError as error:
            problem = f"the manifest was not kept: {errors.message(error)}"
            log.write("evidence", level=logging.ERROR, outcome="failed", reason=problem)
            return problem
        return None

    def _note_opened(self, incident: str) -> None:
        """Make the incident visible early; that it could not be is logged, since its conclusion writes it anyway."""
        try:
            self.services.heads.note_opened(incident, self.target)
        except errors.AwsError as error:
            log.write("record", level=logging.ERROR, outcome="failed", reason=errors.message(error))


def assume(services: Services, target: Target, incident: str, mode: Mode) -> MemberCredentials | Exception:
    """Return credentials fit for the mode, or the error that AssumeRole raised."""
    actions = registry.contain_actions(changing=mode is Mode.ENFORCE)
    try:
        return services.assume(target, incident, purpose="contain", actions=actions)
    except errors.AwsError as error:
        return error
