# SPDX-License-Identifier: Apache-2.0
"""The claim: of all deliveries that concern one host, one at a time works, and none is forgotten.

The unit is the target, not the finding: one attack gives many findings. The claim is a conditional write with a
lease longer than the function's time-out and a token of the attempt. A write that timed out but took effect is
recognised by its token. A finding that arrives while another attempt has the lease is put down as unseen and counted,
and the lease can only be given back by who has seen as many as arrived, so a stricter finding is never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from functions.aws import errors
from functions.aws.clients import AwsClient
from functions.finding.model import Finding, Target
from functions.incident.claim_document import (
    ARRIVED,
    LEASE,
    SCHEMA,
    arrival,
    claim_values,
    lease,
    opened,
    read_claim,
    reopened,
    unseen_key,
    unseen_of,
)
from functions.incident.conflict import CONDITION_FAILED, failed_items, refuse_where_newer, writing
from functions.incident.items import claim_key, finding_key, from_item, stamp, to_item, update_of
from functions.incident.model import Claim, LeaseHolder, State
from functions.incident.schema import NOT_NEWER
from functions.policy.model import Provisional
from functions.runtime import Runtime

_PUT_BACK = {State.RELEASED, State.RELEASING}
"""States after which only later activity counts."""

_LEASABLE = (
    "#incident = :of AND (attribute_not_exists(#token) OR #lease_until < :now OR #token = :token) AND " + NOT_NEWER
)


class Next(StrEnum):
    """What a delivery may do about a target that has a claim already."""

    WORK = "work"  # the lease is ours
    TAKE = "take"  # no attempt has it and there is something to do
    REOPEN = "reopen"  # the last episode was released and this is new activity
    APPEND = "append"  # another attempt has it: put the finding down as unseen
    DUPLICATE = "duplicate"  # nothing new
    DONE = "done"  # nothing new: an earlier try of this very message did it all and only could not say so
    PAST = "past"  # activity from before the release
    WAIT = "wait"  # held by an earlier try of this very message, or by a release that this activity is later than


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
        claim = replace(opened(incident, finding, provisional, holder), lease_until=self._lease_end())
        try:
            writing(
                lambda: self._dynamodb.put_item(
                    TableName=self._table,
                    Item=to_item({**claim_key(target), **claim_values(claim)}),
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
        """Take the lease on an incident that no attempt works on; None when another attempt was faster."""
        key, unseen = unseen_key(finding, provisional), unseen_of(finding, provisional)
        waiting = claim.unseen.get(key)
        if waiting is not None and waiting.updated_at > unseen.updated_at:
            unseen = waiting  # an older version came late, and the newer one was not looked at yet
        return self._update(
            target,
            update_of(
                {**lease(holder, self._lease_end()), **arrival(key, unseen)},
                add=ARRIVED,
                condition=_LEASABLE,
                given={"of": claim.incident, "now": self._now()},
            ),
        )

    def reopen(
        self, target: Target, old: Claim, incident: str, finding: Finding, provisional: Provisional, holder: LeaseHolder
    ) -> Claim | None:
        """Open a new episode after a release; None when another attempt was faster."""
        return self._update(
            target,
            update_of(
                reopened(opened(incident, finding, provisional, holder), self._lease_end()),
                add=ARRIVED,
                condition=f"#incident = :of AND attribute_not_exists(#token) AND #state = :released AND {NOT_NEWER}",
                given={"of": old.incident, "released": State.RELEASED.value},
            ),
        )

    def append(self, target: Target, claim: Claim, finding: Finding, provisional: Provisional) -> bool:
        """Put a finding down as unseen for the attempt that has the lease; False when none has it any more."""
        updated = self._update(
            target,
            update_of(
                arrival(unseen_key(finding, provisional), unseen_of(finding, provisional)),
                add=ARRIVED,
                condition=f"#incident = :of AND #token = :holder AND #lease_until >= :now AND {NOT_NEWER}",
                given={"of": claim.incident, "holder": claim.token, "now": self._now(), "schema": SCHEMA},
            ),
        )
        return updated is not None

    def lease(self, target: Target, incident: str, holder: LeaseHolder) -> Claim | None:
        """Take the lease for work that no finding asked for (a release); None when it can't be had."""
        return self._update(
            target,
            update_of(
                lease(holder, self._lease_end()),
                condition=_LEASABLE,
                given={"of": incident, "now": self._now()},
            ),
        )

    def give_up(self, target: Target, holder: LeaseHolder) -> None:
        """Give the lease back where it is ours, and leave everything else as it is: what waits, waits on."""
        update = update_of(
            {},
            remove=LEASE,
            condition=f"#token = :token AND {NOT_NEWER}",
            given={"token": holder.token, "schema": SCHEMA},
        )
        try:
            writing(partial(self._send, target, update), self._runtime)
        except ClientError as error:
            if errors.code(error) != CONDITION_FAILED:
                raise

    def _lease_end(self) -> datetime:
        return self._runtime.clock.now() + self._lease

    def _now(self) -> str:
        return stamp(self._runtime.clock.now())

    def _send(self, target: Target, update: Mapping[str, Any]) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._dynamodb.update_item(
            TableName=self._table,
            Key=to_item(claim_key(target)),
            **update,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return answer

    def _update(self, target: Target, update: Mapping[str, Any]) -> Claim | None:
        try:
            answer = writing(partial(self._send, target, update), self._runtime)
        except ClientError as error:
            if errors.code(error) != CONDITION_FAILED:
                raise
            refuse_where_newer(error)
            return None
        return read_claim(from_item(answer["Attributes"]))


def _stood_already(error: ClientError) -> Claim:
    (item,) = failed_items(error) or (None,)
    if item is None:
        raise error
    return read_claim(item)
