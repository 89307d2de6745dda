# SPDX-License-Identifier: Apache-2.0
"""The claim: of all deliveries that concern one host, one at a time works, and none is forgotten.

The unit is the target, not the finding: one attack gives many findings. The claim is a conditional write with a
lease longer than the function's time-out and a token of the attempt. A write that timed out but took effect is
recognised by its token. A finding that arrives while somebody else holds the lease is put down as unseen and counted,
and the lease can only be given back by who has seen as many as arrived, so a stricter finding is never dropped.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from functions import log
from functions.aws import errors
from functions.aws.clients import AwsClient
from functions.finding.model import Finding, Target
from functions.incident.conflict import writing
from functions.incident.items import claim_key, dump, finding_key, from_item, moment, stamp, to_item
from functions.incident.model import State
from functions.policy.errors import RecordError
from functions.policy.model import Mode, Provisional
from functions.policy.stored import provisional_from_json, provisional_to_json
from functions.runtime import Runtime

_PUT_BACK = {State.RELEASED, State.RELEASING}
"""States after which only later activity counts."""

CONDITION_FAILED = "ConditionalCheckFailedException"


class ClaimLostError(Exception):
    """The lease ran out and somebody else took the target over. Attribute ``incident``."""

    def __init__(self, incident: str) -> None:
        super().__init__(f"the lease on {incident} was lost to another attempt")
        self.incident = incident


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """Who holds the lease, or asks for it: the token of one attempt, and the id of its queue message."""

    token: str
    message: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """A finding that the claim's holder has yet to act on: what its latest version of a mode provisionally decided."""

    provisional: Provisional
    types: tuple[str, ...]
    updated_at: str

    def dump(self) -> str:
        """Return the stored text."""
        values = {"provisional": provisional_to_json(self.provisional), "types": self.types}
        return dump({**values, "updated_at": self.updated_at})

    @classmethod
    def load(cls, text: str) -> Unseen:
        """Read the stored text; raise RecordError when the decision in it can't be read."""
        values = json.loads(text)
        return cls(provisional_from_json(values["provisional"]), tuple(values["types"]), values["updated_at"])


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim on a target, as stored. ``last_token``, ``last_message``: of whoever gave the lease back last."""

    incident: str
    state: State
    mode: Mode
    token: str | None
    message: str | None
    lease_until: datetime | None
    unfinished: bool
    after_release: bool
    released_at: datetime | None
    last_token: str | None = None
    last_message: str | None = None
    unseen: dict[str, Unseen] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    arrivals: int = 0
    """How many findings were ever put down as unseen. One that replaces an earlier version counts as well."""

    @classmethod
    def opened(cls, incident: str, finding: Finding, provisional: Provisional, holder: LeaseHolder) -> Claim:
        """Return the claim as ``Claims.open`` writes it."""
        return cls(
            incident=incident,
            state=State.OBSERVED,
            mode=Mode.OFF,
            token=holder.token,
            message=holder.message,
            lease_until=None,
            unfinished=False,
            after_release=False,
            released_at=None,
            unseen={unseen_key(finding, provisional): _unseen(finding, provisional)},
            arrivals=1,
        )

    @classmethod
    def from_item(cls, item: dict[str, Any]) -> Claim:
        """Read the stored form."""
        values = from_item(item)
        return cls(
            incident=values["incident"],
            state=State(values["state"]),
            mode=Mode(values["mode"]),
            token=values.get("token"),
            message=values.get("message"),
            lease_until=moment(values.get("lease_until", "")),
            unfinished=bool(values.get("unfinished", False)),
            after_release=bool(values.get("after_release", False)),
            released_at=moment(values.get("released_at", "")),
            last_token=values.get("last_token"),
            last_message=values.get("last_message"),
            unseen=_readable(values["unseen"]),
            seen=dict(values["seen"]),
            arrivals=int(values["arrivals"]),
        )


def _readable(stored: dict[str, str]) -> dict[str, Unseen]:
    """Read what can be read: an entry of another version must not block the host's further findings for ever."""
    unseen = {}
    for key, text in stored.items():
        try:
            unseen[key] = Unseen.load(text)
        except (RecordError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"an unseen finding ({key}) can't be read and is left out: {error}"
            log.write("record", level=logging.ERROR, outcome="failed", reason=reason)
    return unseen


class Next(StrEnum):
    """What a delivery may do about a target that has a claim already."""

    WORK = "work"  # the lease is ours
    TAKE = "take"  # nobody holds it and there is something to do
    REOPEN = "reopen"  # the last episode was released and this is new activity
    APPEND = "append"  # somebody holds it: put the finding down as unseen
    DUPLICATE = "duplicate"  # nothing new
    DONE = "done"  # nothing new: an earlier try of this very message did it all and only could not say so
    PAST = "past"  # activity from before the release
    WAIT = "wait"  # held by an earlier try of this very message, or by a release that this activity is later than


def unseen_key(finding: Finding, provisional: Provisional) -> str:
    """Return the key of a finding among the unseen, under the mode that was provisionally decided.

    A newer version takes the place of the last one, so that a claim which can't be finished for days doesn't grow with
    every update; but a weaker version never takes the place of a stricter one.
    """
    return f"{finding_key(finding.id)}-{provisional.mode.value}"


def waits(claim: Claim, finding: Finding) -> bool:
    """Tell whether this version of the finding, or a newer one, is among the unseen."""
    versions = [each.updated_at for each in claim.unseen.values() if each.provisional.finding_id == finding.id]
    return bool(versions) and stamp(finding.updated_at) <= max(versions)


def next_move(claim: Claim, finding: Finding, holder: LeaseHolder, now: datetime) -> Next:
    """Decide what this delivery does about a claim that stood before it. Pure."""
    if claim.token == holder.token:
        return Next.WORK
    known = claim.seen.get(finding_key(finding.id))
    is_known = known is not None and stamp(finding.updated_at) <= known
    if claim.token is not None and claim.lease_until is not None and claim.lease_until > now:
        if claim.message == holder.message or _after_release(claim, finding):
            return Next.WAIT
        return Next.DUPLICATE if is_known or waits(claim, finding) else Next.APPEND
    if claim.state in _PUT_BACK:
        if claim.released_at is not None and not _after_release(claim, finding):
            return Next.DUPLICATE if is_known else Next.PAST
        # A release that did not end keeps its episode: the baseline is that of the host before Cordon ever touched it.
        return Next.REOPEN if claim.state is State.RELEASED else Next.TAKE
    if claim.unfinished or claim.token is not None or claim.unseen:
        return Next.TAKE
    if is_known:
        return Next.DONE if claim.last_message == holder.message else Next.DUPLICATE
    return Next.TAKE


def _after_release(claim: Claim, finding: Finding) -> bool:
    """Tell whether the finding's activity is later than a release that has begun or ended."""
    activity = finding.last_seen_at or finding.updated_at
    in_release = claim.state in _PUT_BACK and claim.released_at is not None
    return in_release and activity is not None and claim.released_at is not None and activity > claim.released_at


class Claims:
    """Claims in the table. Every method raises what DynamoDB raises, except for a failed condition."""

    def __init__(self, dynamodb: AwsClient, table: str, runtime: Runtime, lease_seconds: int) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._runtime = runtime
        self._lease = timedelta(seconds=lease_seconds)

    def open(
        self, target: Target, incident: str, finding: Finding, provisional: Provisional, holder: LeaseHolder
    ) -> Claim | None:
        """Open a first incident on the target; return the claim that stood there already, or None when ours stands."""
        values = {
            **claim_key(target),
            "incident": incident,
            "state": State.OBSERVED.value,
            "mode": Mode.OFF.value,
            "token": holder.token,
            "message": holder.message,
            "lease_until": self._lease_end(),
            "unseen": {unseen_key(finding, provisional): _unseen(finding, provisional).dump()},
            "seen": {},
            "arrivals": 1,
        }
        try:
            writing(
                lambda: self._dynamodb.put_item(
                    TableName=self._table,
                    Item=to_item(values),
                    ConditionExpression="attribute_not_exists(pk)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                ),
                self._runtime,
            )
        except ClientError as error:
            old = _stood_already(error)
            return None if old.token == holder.token else old
        return None

    def take(
        self, target: Target, claim: Claim, finding: Finding, provisional: Provisional, holder: LeaseHolder
    ) -> Claim | None:
        """Take the lease on an incident that nobody works on; None when somebody was faster."""
        key, unseen = unseen_key(finding, provisional), _unseen(finding, provisional)
        waiting = claim.unseen.get(key)
        if waiting is not None and waiting.updated_at > unseen.updated_at:
            unseen = waiting  # an older version came late, and the newer one was not looked at yet
        return self._update(
            target,
            "SET #token = :token, message = :message, lease_until = :until, unseen.#key = :provisional "
            "ADD arrivals :one",
            "incident = :incident AND (attribute_not_exists(#token) OR lease_until < :now OR #token = :token)",
            {
                ":incident": claim.incident,
                ":token": holder.token,
                ":message": holder.message,
                ":until": self._lease_end(),
                ":now": stamp(self._runtime.clock.now()),
                ":provisional": unseen.dump(),
                ":one": 1,
            },
            {"#token": "token", "#key": key},
        )

    def reopen(
        self, target: Target, old: Claim, incident: str, finding: Finding, provisional: Provisional, holder: LeaseHolder
    ) -> Claim | None:
        """Open a new episode after a release; None when somebody was faster."""
        return self._update(
            target,
            "SET incident = :new, #token = :token, message = :message, lease_until = :until, #state = :state, "
            "#mode = :mode, unseen = :unseen, seen = :seen, after_release = :yes ADD arrivals :one",
            "incident = :incident AND attribute_not_exists(#token) AND #state = :released",
            {
                ":incident": old.incident,
                ":new": incident,
                ":token": holder.token,
                ":message": holder.message,
                ":until": self._lease_end(),
                ":state": State.OBSERVED.value,
                ":mode": Mode.OFF.value,
                ":released": State.RELEASED.value,
                ":unseen": {unseen_key(finding, provisional): _unseen(finding, provisional).dump()},
                ":seen": {},
                ":yes": True,
                ":one": 1,
            },
            {"#token": "token", "#state": "state", "#mode": "mode"},
        )

    def append(self, target: Target, claim: Claim, finding: Finding, provisional: Provisional) -> bool:
        """Put a finding down as unseen for whoever holds the lease; False when nobody does any more."""
        updated = self._update(
            target,
            "SET unseen.#key = :provisional ADD arrivals :one",
            "incident = :incident AND #token = :holder AND lease_until >= :now",
            {
                ":incident": claim.incident,
                ":holder": claim.token,
                ":now": stamp(self._runtime.clock.now()),
                ":provisional": _unseen(finding, provisional).dump(),
                ":one": 1,
            },
            {"#token": "token", "#key": unseen_key(finding, provisional)},
        )
        return updated is not None

    def lease(self, target: Target, incident: str, holder: LeaseHolder) -> Claim | None:
        """Take the lease for work that no finding asked for (a release); None when it can't be had."""
        return self._update(
            target,
            "SET #token = :token, message = :message, lease_until = :until",
            "incident = :incident AND (attribute_not_exists(#token) OR lease_until < :now OR #token = :token)",
            {
                ":incident": incident,
                ":token": holder.token,
                ":message": holder.message,
                ":until": self._lease_end(),
                ":now": stamp(self._runtime.clock.now()),
            },
            {"#token": "token"},
        )

    def _lease_end(self) -> str:
        return stamp(self._runtime.clock.now() + self._lease)

    def _update(
        self, target: Target, update: str, condition: str, values: dict[str, Any], names: dict[str, str]
    ) -> Claim | None:
        try:
            answer = writing(
                lambda: self._dynamodb.update_item(
                    TableName=self._table,
                    Key=to_item(claim_key(target)),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=to_item(values),
                    ReturnValues="ALL_NEW",
                ),
                self._runtime,
            )
        except ClientError as error:
            if errors.code(error) == CONDITION_FAILED:
                return None
            raise
        return Claim.from_item(answer["Attributes"])


def _unseen(finding: Finding, provisional: Provisional) -> Unseen:
    return Unseen(provisional, finding.types, stamp(finding.updated_at))


def _stood_already(error: ClientError) -> Claim:
    item: Any = error.response.get("Item")
    if errors.code(error) != CONDITION_FAILED or not item:
        raise error
    return Claim.from_item(item)
