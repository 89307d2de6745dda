# SPDX-License-Identifier: Apache-2.0
"""One finding, one target: authenticate the account, claim the host, decide, contain, conclude.

The first round trip assumes the member role, claims the target and reads the hub's record all at once; the incident id
that the role session carries is the one about to be opened, and where the claim answers that one is open already, the
role is assumed again under that one's id, if there is anything to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from functions import log
from functions.context import INCIDENT
from functions.finding.model import Finding, Target
from functions.incident.claim import Next, next_move
from functions.incident.claim_document import opened
from functions.incident.errors import RecordError
from functions.incident.ids import new_incident
from functions.incident.model import Claim, LeaseHolder
from functions.intake.attempt import AssumedRole
from functions.intake.case import OWN_ACCOUNT, Case, Message, assume
from functions.intake.result import BY_STATE, Outcome, RetryError, TargetResult
from functions.intake.work import work
from functions.organization.control import Facts
from functions.organization.directory import look_up
from functions.organization.policy_in_force import PolicyInForce
from functions.policy import decide
from functions.policy.model import Mode, Provisional
from functions.refusal import refuse
from functions.services import Services

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Opening:
    """What the first round trip brought: the claim that stood there (None: ours is new), credentials, facts."""

    incident: str
    stood: Claim | None
    assumed: AssumedRole
    facts: Facts


class Responder:
    """Responds to findings with one hub."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def respond(self, finding: Finding, target: Target, message: Message) -> TargetResult:
        """Take one target from finding to conclusion.

        Raises RetryError, or what the hub's own stores raise: then the message goes back to the queue.
        """
        settings, clients = self._services.settings, self._services.clients
        if clients.partition_of(target.region) != target.partition:
            reason = f"{target.region!r} is not a Region of partition {target.partition!r}"
            return TargetResult(target, Outcome.REJECTED, reason)
        if clients.partition_of(settings.home_region) != target.partition:
            reason = f"partition {target.partition!r} is not the hub's: an organisation lives in one"
            return TargetResult(target, Outcome.REJECTED, reason)
        in_force = self._services.policy_in_force()
        ou = in_force.ou_of(target.account) or self._find_account(target)
        if ou is None:
            reason = f"account {target.account} does not belong to organisation {settings.organization}"
            return TargetResult(target, Outcome.REJECTED, reason)
        provisional = self._decide(in_force, ou, finding, target, message)
        if provisional.mode is Mode.OFF:
            in_force = self._services.refreshed(self._services.records.control())
            provisional = self._decide(in_force, ou, finding, target, message)
            if provisional.mode is Mode.OFF:
                return TargetResult(target, Outcome.IGNORED, "; ".join(provisional.reasons))
        holder = LeaseHolder(self._services.runtime.token(), message.id)
        with self._keeping_unreadable(target, holder, message):
            opening = self._open(finding, target, provisional, holder)
            if opening.facts.control != in_force.control:
                in_force = self._services.refreshed(opening.facts.control)
                ou = in_force.ou_of(target.account) or ou
                provisional = self._decide(in_force, ou, finding, target, message)
            case = Case(
                services=self._services,
                finding=finding,
                target=target,
                message=message,
                holder=holder,
                in_force=in_force,
                ou=ou,
                provisional=provisional,
                facts=opening.facts,
            )
            return self._settle(case, opening)

    @contextmanager
    def _keeping_unreadable(self, target: Target, holder: LeaseHolder, message: Message) -> Iterator[None]:
        """Keep the message in the queue where a record can't be read, and notify people when it first comes."""
        try:
            yield
        except RecordError as error:
            refuse(self._services, error, target=target, holder=holder, notify=message.receives == 1)
            raise RetryError(str(error)) from error

    def _settle(self, case: Case, opening: Opening) -> TargetResult:
        """Take the claim as it stands and do what this delivery may do about it."""
        if opening.stood is None:
            INCIDENT.set(opening.incident)
            return work(case, self._new_claim(case, opening), opening.assumed, new=True)
        stood: Claim | None = opening.stood
        for _ in range(_TRIES):
            if stood is None:  # it was given up in between and ours stands now
                INCIDENT.set(opening.incident)
                return work(case, self._new_claim(case, opening), opening.assumed, new=True)
            INCIDENT.set(stood.incident)
            result = self._move(case, stood, opening.assumed)
            if result is not None:
                return result
            stood = self._claims_open(case, opening.incident)
        raise RetryError(f"{case.target.instance} is being worked on by others")

    def _move(self, case: Case, stood: Claim, assumed: AssumedRole) -> TargetResult | None:
        """Make one move on a claim that stood before; None when another attempt was faster."""
        target, finding, holder = case.target, case.finding, case.holder
        claims = self._services.claims
        move = next_move(stood, finding, holder, self._services.runtime.clock.now())
        if move is Next.WAIT:
            raise RetryError(f"{target.instance} is held by an earlier try of this message or by a release")
        if move is Next.DUPLICATE:
            why = "Cordon's own update of" if finding.note_author == case.author else "a repetition of"
            reason = f"{why} a finding that {stood.incident} has in hand"
            return TargetResult(target, Outcome.DUPLICATE, reason, stood.incident)
        if move is Next.DONE:
            reason = f"an earlier try of this message finished {stood.incident}, which is {stood.state.value}"
            return TargetResult(target, BY_STATE[stood.state], reason, stood.incident)
        if move is Next.PAST:
            reason = f"the activity is older than the release of {stood.incident}"
            return TargetResult(target, Outcome.MERGED, reason, stood.incident)
        if move is Next.APPEND:
            case.note_saved(stood.incident, case.save_finding(stood.incident).result())
            if not claims.append(target, stood, finding, case.provisional):
                return None
            reason = f"a further finding on a host that {stood.incident} has in hand"
            return TargetResult(target, Outcome.MERGED, reason, stood.incident)
        if move is Next.REOPEN:
            incident = new_incident(self._services.runtime.clock.now(), self._services.runtime.random)
            claim = claims.reopen(target, stood, incident, finding, case.provisional, holder)
        elif move is Next.TAKE:
            claim = claims.take(target, stood, finding, case.provisional, holder)
        else:
            claim = stood
        if claim is None:
            return None
        INCIDENT.set(claim.incident)
        return work(case, claim, assumed, new=move is Next.REOPEN)

    def _open(self, finding: Finding, target: Target, provisional: Provisional, holder: LeaseHolder) -> Opening:
        """Make the first round trip: role, claim and records at once."""
        services, now = self._services, self._services.runtime.clock.now()
        incident = new_incident(now, services.runtime.random)
        role = services.runtime.pool.start(partial(assume, services, target, incident, provisional.mode))
        facts = services.runtime.pool.start(partial(services.records.facts, target, now))
        stood = services.claims.open(target, incident, finding, provisional, holder)
        return Opening(incident, stood, AssumedRole(incident, provisional.mode, role.result()), facts.result())

    def _claims_open(self, case: Case, incident: str) -> Claim | None:
        return self._services.claims.open(case.target, incident, case.finding, case.provisional, case.holder)

    def _new_claim(self, case: Case, opening: Opening) -> Claim:
        return opened(opening.incident, case.finding, case.provisional, case.holder)

    def _decide(
        self, in_force: PolicyInForce, ou: str, finding: Finding, target: Target, message: Message
    ) -> Provisional:
        settings = self._services.settings
        if in_force.bundle is None or in_force.problem:
            reason = f"there is no valid policy, so nothing is done: {in_force.problem}"
            return Provisional(finding.id, Mode.OBSERVE, None, None, "", (reason,))
        own = target.account in {settings.hub_account, settings.forensics_account}
        return decide.provisional(
            finding,
            target,
            in_force.bundle.policy_for(target.account, ou),
            bundle=in_force.bundle.digest,
            switched_off=in_force.control.off_for(target.account, ou),
            now=self._services.runtime.clock.now(),
            received_at=message.received_at,
            ceiling=Mode.OBSERVE if own else Mode.ENFORCE,
            ceiling_reason=OWN_ACCOUNT if own else "",
        )

    def _find_account(self, target: Target) -> str | None:
        """Return the OU of an account that the directory doesn't have, or None when it isn't the organisation's."""
        services = self._services
        facts = services.records.facts(target, services.runtime.clock.now())
        in_force = services.refreshed(facts.control)
        known = in_force.ou_of(target.account) or facts.known_ou
        if known is not None:
            return known
        found = look_up(services.clients.hub("organizations"), target.account)
        log.write("directory", account=target.account, outcome="found" if found else "not of the organisation")
        if found is not None:
            services.records.remember_account(target.account, found)
        return found
