# SPDX-License-Identifier: Apache-2.0
"""Things that several incidents share: a role, an IAM user, a network ACL. Who holds on to each, and how it began.

Hosts share roles, and subnets share network ACLs. What one incident changed another may still need, and what a second
one finds is no longer how the thing began. So the hub keeps, for each shared thing, its original and its holders: the
first holder's original stands, a further one only adds what the first didn't know, and the last one to leave puts the
thing back. While that one is at it nobody may join.

The value of a holder is its own share of the thing (a slot, numbers of rules); the shares of others are told when one
is chosen, so that no two are the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from functions.aws import errors
from functions.aws.clients import AwsClient
from functions.incident.conflict import writing
from functions.incident.items import dump, from_item, moment, shared_key, stamp, to_item
from functions.runtime import Runtime

ROOM_TO_PUT_BACK = timedelta(seconds=60)
"""How long the last holder may take to put the thing back before others take it to have died."""

ROOM_FOR_A_CALL = timedelta(seconds=50)
"""How long one restoring call may take: four attempts of ten seconds (functions.aws.clients.CONFIG), and the pauses."""

_CONDITION_FAILED = "ConditionalCheckFailedException"
_TRIES = 12
_PAUSE_SECONDS = 0.5


class HeldError(Exception):
    """The thing can't be joined or left just now; a later try may do better."""

    code = "Held"


@dataclass(frozen=True, slots=True)
class Hold:
    """What stands after joining or leaving: ``share`` is this incident's own, ``others`` those of the other holders."""

    share: Any
    others: Mapping[str, Any]
    original: Mapping[str, Any]

    @property
    def last(self) -> bool:
        """Whether nobody else holds on to it."""
        return not self.others


@dataclass(frozen=True, slots=True)
class _Stored:
    holders: dict[str, Any]
    original: dict[str, Any]
    version: int
    leaving: str | None
    until: str


class Holds:
    """Shared things in the table. Methods raise what DynamoDB raises, and HeldError."""

    def __init__(self, dynamodb: AwsClient, table: str, runtime: Runtime) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._runtime = runtime

    def join(
        self,
        account: str,
        thing: str,
        incident: str,
        original: Mapping[str, Any],
        choose: Callable[[Mapping[str, Any]], Any],
    ) -> Hold:
        """Hold on to a thing, before it is changed; return this incident's share and the thing's original.

        ``choose`` gets the shares of the others (incident -> share) and returns the own one, or raises. Who holds on
        already keeps its share. Written conditionally, so that of two at once one sees the other.
        """
        for _ in range(_TRIES):
            stored = self._read(account, thing)
            if stored is not None and stored.leaving not in {None, incident} and not self._over(stored):
                self._runtime.clock.sleep(_PAUSE_SECONDS)
                continue
            holders = dict(stored.holders) if stored is not None else {}
            kept = merged(stored.original, original) if stored is not None else dict(original)
            others = {name: share for name, share in holders.items() if name != incident}
            share = holders[incident] if incident in holders else choose(others)
            if self._write(account, thing, stored, {**others, incident: share}, kept):
                return Hold(share, others, kept)
        raise HeldError(f"{thing} is being put back by another incident's release, or changed by many at once")

    def leave(self, account: str, thing: str, incident: str) -> Hold | None:
        """Let go of a thing; return how it stands now, or None where this incident neither holds nor left it last.

        The last one to leave keeps others out until it says ``end``: it has the thing to put back.
        """
        for _ in range(_TRIES):
            stored = self._read(account, thing)
            if stored is None:
                return None
            share = stored.holders.get(incident)
            others = {name: each for name, each in stored.holders.items() if name != incident}
            if incident not in stored.holders and (stored.leaving != incident or others):
                return None
            leaving = incident if not others else None
            if self._write(account, thing, stored, others, stored.original, leaving=leaving):
                return Hold(share, others, stored.original)
        raise HeldError(f"{thing} is being changed by many incidents at once")

    def end(self, account: str, thing: str, incident: str) -> None:
        """Say that the last holder has put a thing back: whoever joins next finds it without an original.

        Nothing is deleted: no function of the hub may delete what is in the table. Raises HeldError where somebody has
        joined since, because this took too long.
        """
        for _ in range(_TRIES):
            stored = self._read(account, thing)
            if stored is None or (stored.leaving is None and not stored.holders):
                return  # a write that timed out took effect
            _refuse_others(stored, thing, incident)
            if self._write(account, thing, stored, {}, {}):
                return
        raise HeldError(f"{thing} is being changed by many incidents at once")

    def stay(self, account: str, thing: str, incident: str) -> None:
        """Make sure that the last holder still keeps others out, for as long as one more call takes.

        Raises HeldError where somebody has joined since, because putting the thing back took too long.
        """
        for _ in range(_TRIES):
            stored = self._read(account, thing)
            if stored is None:
                raise HeldError(f"nobody holds on to {thing}")
            _refuse_others(stored, thing, incident)
            if not self._over(stored, within=ROOM_FOR_A_CALL):
                return
            if self._write(account, thing, stored, {}, stored.original, leaving=incident):
                return
        raise HeldError(f"{thing} is being changed by many incidents at once")

    def _over(self, stored: _Stored, *, within: timedelta = timedelta()) -> bool:
        until = moment(stored.until)
        return until is None or until < self._runtime.clock.now() + within

    def _read(self, account: str, thing: str) -> _Stored | None:
        key = to_item(shared_key(account, thing))
        answer = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        if "Item" not in answer:
            return None
        values = from_item(answer["Item"])
        return _Stored(
            holders=json.loads(values["holders"]),
            original=json.loads(values["original"]),
            version=int(values["version"]),
            leaving=values.get("leaving"),
            until=values.get("until", ""),
        )

    def _write(
        self,
        account: str,
        thing: str,
        stored: _Stored | None,
        holders: Mapping[str, Any],
        original: Mapping[str, Any],
        *,
        leaving: str | None = None,
    ) -> bool:
        item = {
            **shared_key(account, thing),
            "holders": dump(holders),
            "original": dump(original),
            "version": stored.version + 1 if stored is not None else 1,
            "leaving": leaving,
            "until": stamp(self._runtime.clock.now() + ROOM_TO_PUT_BACK) if leaving else None,
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if stored is not None:
            condition = {
                "ConditionExpression": "version = :seen",
                "ExpressionAttributeValues": to_item({":seen": stored.version}),
            }
        try:
            writing(
                lambda: self._dynamodb.put_item(TableName=self._table, Item=to_item(item), **condition), self._runtime
            )
        except ClientError as error:
            if errors.code(error) != _CONDITION_FAILED:
                raise
            return False
        return True


def _refuse_others(stored: _Stored, thing: str, incident: str) -> None:
    """Raise HeldError, naming the others, where this incident is not the one that is putting the thing back."""
    if stored.leaving != incident:
        others = sorted(each for each in {*stored.holders, stored.leaving} if each)
        who = ", ".join(others) or "another incident"
        raise HeldError(f"{who} came to hold on to {thing} while this incident was putting it back")


def merged(first: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first original with what only the later one knows; maps in it are joined key by key."""
    found = {**later, **first}
    for key, value in first.items():
        known = later.get(key)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            found[key] = merged(value, known)
    return found
