# SPDX-License-Identifier: Apache-2.0
"""One finding, one target: authenticate the account, claim the host, decide, contain, conclude.

The first round trip assumes the member role, claims the target and reads the hub's record all at once; the incident id
that the role session carries is the one about to be opened, and where the claim answers that one is open already, the
role is assumed again under that one's id, if there is anything to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from functions import log
from functions.context import INCIDENT
from functions.finding.model import Finding, Target
from functions.incident.claim import Attempt, Claim, Next, next_move
from functions.incident.ids import new_incident
from functions.intake.case import OWN_ACCOUNT, Case, Message, assume
from functions.intake.hub import Hub
from functions.intake.result import BY_STATE, Outcome, RetryError, TargetResult
from functions.intake.turn import Entry
from functions.intake.work import work
from functions.organization.control import Facts
from functions.organization.directory import look_up
from functions.organization.standing import Standing
from functions.policy import decide
from functions.policy.model import Mode, Provisional

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Opening:
    """What the first round trip brought: the claim that stood there (None: ours is new), credentials, facts."""

    incident: str
    stood: Claim | None
    entry: Entry
    facts: Facts


class Responder:
    """Responds to findings with one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def respond(self, finding: Finding, target: Target, message: Message) -> TargetResult:
        """Take one target from finding to conclusion.

        Raises RetryError, or what the hub's own stores raise: then the message goes back to the queue.
        """
        settings, clients = self._hub.settings, self._hub.clients
        if clients.partition_of(target.region) != target.partition:
            reason = f"{target.region!r} is not a Region of partition {target.partition!r}"
            return TargetResult(target, Outcome.REJECTED, reason)
        if clients.partition_of(settings.home_region) != target.partition:
            reason = f"partition {target.partition!r} is not the hub's: an organisation lives in one"
            return TargetResult(target, Outcome.REJECTED, reason)
        standing = self._hub.in_force()
        ou = standing.ou_of(target.account) or self._find_account(target)
        if ou is None:
            reason = f"account {target.account} does not belong to organisation {settings.organization}"
            return TargetResult(target, Outcome.REJECTED, reason)
        provisional = self._decide(standing, ou, finding, target, message)
        if provisional.mode is Mode.OFF:
            standing = self._hub.refreshed(self._hub.records.control())
            provisional = self._decide(standing, ou, finding, target, message)
            if provisional.mode is Mode.OFF:
                return TargetResult(target, Outcome.IGNORED, "; ".join(provisional.reasons))
        attempt = Attempt(self._hub.runtime.token(), message.id)
        opening = self._open(finding, target, provisional, attempt)
        if opening.facts.control != standing.control:
            standing = self._hub.refreshed(opening.facts.control)
            ou = standing.ou_of(target.account) or ou
            provisional = self._decide(standing, ou, finding, target, message)
        case = Case(
            hub=self._hub,
            finding=finding,
            target=target,
            message=message,
            attempt=attempt,
            standing=standing,
            ou=ou,
            provisional=provisional,
            facts=opening.facts,
        )
        return self._settle(case, opening)

    def _settle(self, case: Case, opening: Opening) -> TargetResult:
        """Take the claim as it stands and do what this delivery may do about it."""
        if opening.stood is None:
            INCIDENT.set(opening.incident)
            return work(case, self._opened(case, opening), opening.entry, new=True)
        stood: Claim | None = opening.stood
        for _ in range(_TRIES):
            if stood is None:  # it was given up in between and ours stands now
                INCIDENT.set(opening.incident)
                return work(case, self._opened(case, opening), opening.entry, new=True)
            INCIDENT.set(stood.incident)
            result = self._move(case, stood, opening.entry)
            if result is not None:
                return result
            stood = self._claims_open(case, opening.incident)
        raise RetryError(f"{case.target.instance} is being worked on by others")

    def _move(self, case: Case, stood: Claim, entry: Entry) -> TargetResult | None:
        """Make one move on a claim that stood before; None when somebody was faster."""
        target, finding, attempt = case.target, case.finding, case.attempt
        claims = self._hub.claims
        move = next_move(stood, finding, attempt, self._hub.runtime.clock.now())
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
            case.note_kept(stood.incident, case.keep_finding(stood.incident).result())
            if not claims.append(target, stood, finding, case.provisional):
                return None
            reason = f"a further finding on a host that {stood.incident} has in hand"
            return TargetResult(target, Outcome.MERGED, reason, stood.incident)
        if move is Next.REOPEN:
            incident = new_incident(self._hub.runtime.clock.now(), self._hub.runtime.random)
            claim = claims.reopen(target, stood, incident, finding, case.provisional, attempt)
        elif move is Next.TAKE:
            claim = claims.take(target, stood, finding, case.provisional, attempt)
        else:
            claim = stood
        if claim is None:
            return None
        INCIDENT.set(claim.incident)
        return work(case, claim, entry, new=move is Next.REOPEN)

    def _open(self, finding: Finding, target: Target, provisional: Provisional, attempt: Attempt) -> Opening:
        """Make the first round trip: role, claim and records at once."""
        hub, now = self._hub, self._hub.runtime.clock.now()
        incident = new_incident(now, hub.runtime.random)
        role = hub.runtime.pool.start(partial(assume, hub, target, incident, provisional.mode))
        facts = hub.runtime.pool.start(partial(hub.records.facts, target, now))
        stood = hub.claims.open(target, incident, finding, provisional, attempt)
        return Opening(incident, stood, Entry(incident, provisional.mode, role.result()), facts.result())

    def _claims_open(self, case: Case, incident: str) -> Claim | None:
        return self._hub.claims.open(case.target, incident, case.finding, case.provisional, case.attempt)

    def _opened(self, case: Case, opening: Opening) -> Claim:
        return Claim.opened(opening.incident, case.finding, case.provisional, case.attempt)

    def _decide(self, standing: Standing, ou: str, finding: Finding, target: Target, message: Message) -> Provisional:
        settings = self._hub.settings
        if standing.bundle is None or standing.problem:
            reason = f"there is no valid policy, so nothing is done: {standing.problem}"
            return Provisional(finding.id, Mode.OBSERVE, None, None, "", (reason,))
        own = target.account in {settings.hub_account, settings.forensics_account}
        return decide.provisional(
            finding,
            target,
            standing.bundle.policy_for(target.account, ou),
            bundle=standing.bundle.digest,
            switched_off=standing.control.off_for(target.account, ou),
            now=self._hub.runtime.clock.now(),
            received_at=message.received_at,
            ceiling=Mode.OBSERVE if own else Mode.ENFORCE,
            ceiling_reason=OWN_ACCOUNT if own else "",
        )

    def _find_account(self, target: Target) -> str | None:
        """Return the OU of an account that the directory doesn't have, or None when it isn't the organisation's."""
        hub = self._hub
        facts = hub.records.facts(target, hub.runtime.clock.now())
        standing = hub.refreshed(facts.control)
        known = standing.ou_of(target.account) or facts.known_ou
        if known is not None:
            return known
        found = look_up(hub.clients.hub("organizations"), target.account)
        log.write("directory", account=target.account, outcome="found" if found else "not of the organisation")
        if found is not None:
            hub.records.remember_account(target.account, found)
        return found
