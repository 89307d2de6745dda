# SPDX-License-Identifier: Apache-2.0
"""Bounds that a layer sets for itself and for the layers below it.

All bounds on the way to an account apply together: a lower layer can narrow, never widen. What is outside is an error
that names both lines. Where an account is merely simulated in another Organizational Unit than its own, modes are
clamped instead, so that a move never leaves an account without policy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from functions.policy.model import Mode
from hub.policy.errors import Located, located
from hub.policy.tree import Branch, Leaf

_SIDES = ("min", "max")


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range. ``rule`` is None where it is for every rule; ``is_floor``: the minimum, else the maximum."""

    rule: str | None
    is_floor: bool
    mode: Mode
    leaf: Leaf

    @property
    def path(self) -> tuple[str, ...]:
        """Where it stands in its file."""
        side = "min" if self.is_floor else "max"
        return ("bounds", "mode", side) if self.rule is None else ("bounds", "rules", self.rule, side)

    @property
    def words(self) -> str:
        """The bound in words, with its line."""
        what = "minimum" if self.is_floor else "maximum"
        return f"the {what} {self.mode.value!r} set at {self.leaf.place.origin}"

    def applies(self, rule: str) -> bool:
        """Tell whether it is for that rule."""
        return self.rule in {None, rule}

    def is_broken_by(self, mode: Mode) -> bool:
        """Tell whether a mode is outside."""
        return mode.rank < self.mode.rank if self.is_floor else mode.rank > self.mode.rank


def bounds_of(layer: Branch) -> list[Bound]:
    """Return the bounds that one layer sets."""
    ranges: list[tuple[str | None, Branch]] = [(None, layer.branch("bounds", "mode"))]
    ranges += layer.branch("bounds", "rules").branches()
    return [
        Bound(rule, side == "min", Mode(leaf.value), leaf)
        for rule, ends in ranges
        for side in _SIDES
        if (leaf := ends.leaf(side)) is not None
    ]


def contradictions(bounds: Iterable[Bound]) -> list[Located]:
    """Return an error for each bound that leaves no mode, or that widens what a layer above allows."""
    errors = []
    so_far: list[Bound] = []
    for bound in sorted(bounds, key=lambda each: each.leaf.depth):
        for earlier in so_far:
            both_meet = None in {bound.rule, earlier.rule} or bound.rule == earlier.rule
            if both_meet and earlier.is_broken_by(bound.mode):
                side = "below" if earlier.is_floor else "above"
                message = f"{bound.mode.value!r} is {side} {earlier.words}"
                errors.append(located(bound.leaf.place, bound.path, message))
        so_far.append(bound)
    return errors


def outside(mode: Leaf, path: tuple[str, ...], rule: str, bounds: Iterable[Bound]) -> list[Located]:
    """Return an error for each bound that the mode of a rule breaks, at whichever line came later."""
    errors = []
    value = Mode(mode.value)
    for bound in bounds:
        if not bound.applies(rule) or not bound.is_broken_by(value):
            continue
        side = "below" if bound.is_floor else "above"
        whose = f" of rule {rule!r}" if bound.rule is not None and path[0] != "rules" else ""
        if bound.leaf.depth > mode.depth:
            message = f"the mode {value.value!r}{whose} set at {mode.place.origin} is {side} this bound"
            errors.append(located(bound.leaf.place, bound.path, message))
        else:
            errors.append(located(mode.place, path, f"{value.value!r}{whose} is {side} {bound.words}"))
    return errors


def clamped(mode: Leaf, rule: str, bounds: Iterable[Bound]) -> Leaf:
    """Return the mode moved inside every bound; ceilings come last, because acting less is the safer error."""
    for bound in sorted(bounds, key=lambda each: not each.is_floor):
        if bound.applies(rule) and bound.is_broken_by(Mode(mode.value)):
            mode = replace(mode, value=bound.mode.value, place=bound.leaf.place)
    return mode


def floor_for_exception(exception_depth: int, rules: Iterable[str], bounds: Iterable[Bound]) -> Bound | None:
    """Return the highest floor that a layer above an exception set for all rules, or for one that it names."""
    named = set(rules)
    floors = [
        bound
        for bound in bounds
        if bound.is_floor
        and bound.leaf.depth < exception_depth
        and (bound.rule is None or not named or bound.rule in named)
    ]
    return max(floors, key=lambda bound: bound.mode.rank, default=None)
