# SPDX-License-Identifier: Apache-2.0
"""``round_trips_to_isolated``, from the recorded calls alone, so that other programs can recompute it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

FEWEST_MS = 20
"""Below this latency the machine's own CPU time decides which calls overlap, and the figure means nothing."""

_SWAP = "ModifyNetworkInterfaceAttribute"


def depths(calls: Sequence[dict[str, Any]]) -> dict[int, int]:
    """Return the depth of each call by its ``n``.

    depth(c) = 1 + the greatest depth among the calls of the same delivery that ended before c started, 0 if none.
    """
    found: dict[int, int] = {}
    by_delivery: dict[int, list[dict[str, Any]]] = {}
    for call in sorted(calls, key=lambda each: (each["start_ms"], each["n"])):
        earlier = by_delivery.setdefault(call["delivery"], [])
        ended = (
            found[each["n"]] for each in earlier if each["end_ms"] is not None and each["end_ms"] < call["start_ms"]
        )
        found[call["n"]] = 1 + max(ended, default=0)
        earlier.append(call)
    return found


def round_trips_to_isolated(calls: Sequence[dict[str, Any]], incident: str, groups: Iterable[str]) -> int | None:
    """Return the greatest depth among an incident's successful swaps to one of ``groups``; None without a swap.

    Of several swaps of one interface the last counts.
    """
    wanted = [[group] for group in groups]
    last = {
        call["parameters"]["NetworkInterfaceId"]: call
        for call in calls
        if call["incident"] == incident
        and call["operation"] == _SWAP
        and call["error"] is None
        and call["parameters"].get("Groups") in wanted
    }
    depth = depths(calls)
    return max((depth[call["n"]] for call in last.values()), default=None)
