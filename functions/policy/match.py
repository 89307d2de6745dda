# SPDX-License-Identifier: Apache-2.0
"""The rules that match a finding, and the result of a ``where``.

Pure, and it never raises: an expression that fails at run time does not match, and the reason is returned so that
the decision can show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.parser import ParsedResult

from functions.finding.model import Finding
from functions.policy.model import Rule

_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Matched:
    """A rule that matches; ``exact`` when it names one of the finding's types literally."""

    rule: Rule
    exact: bool


@dataclass(frozen=True, slots=True)
class WhereResult:
    """Whether an expression is true; ``problem`` says why it could not be evaluated, if so."""

    applies: bool
    problem: str = ""


def matching(finding: Finding, rules: Iterable[Rule]) -> tuple[tuple[Matched, ...], tuple[str, ...]]:
    """Return the rules that match, in their order, and a sentence for each ``where`` that failed."""
    matched: list[Matched] = []
    problems: list[str] = []
    for rule in rules:
        if finding.severity.label.rank < rule.match.severity.rank:
            continue
        if not any(fits(pattern, name) for pattern in rule.match.types for name in finding.types):
            continue
        if rule.match.where is not None:
            where_result = where(rule.match.where, finding.document)
            if where_result.problem:
                problems.append(f"rule {rule.id!r} counts as not matching: its where failed ({where_result.problem})")
            if not where_result.applies:
                continue
        matched.append(Matched(rule, exact=any(name in rule.match.types for name in finding.types)))
    return tuple(matched), tuple(problems)


def fits(pattern: str, name: str) -> bool:
    """Tell whether a type fits a pattern, in which ``*`` stands for any text; case counts.

    Not a regular expression: the time is linear in the name, whatever a forged finding calls itself.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == name
    *middle, last = rest
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    position, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def where(expression: str, document: Mapping[str, Any]) -> WhereResult:
    """Evaluate a JMESPath expression over a finding; JMESPath's own idea of truth counts (0 is true, [] is not)."""
    try:
        value = _compiled(expression).search(document)
    except (ValueError, TypeError, AttributeError, ArithmeticError, LookupError, RecursionError) as error:
        # JMESPath's errors are ValueErrors; its functions raise Python's own on odd numbers and odd shapes.
        return WhereResult(applies=False, problem=_short(str(error) or type(error).__name__))
    return WhereResult(applies=not (value is None or value is False or value in ("", [], {})))


@lru_cache(maxsize=1024)
def reads_tags(expression: str) -> bool:
    """Tell whether an expression reads tags, which a person who controls the instance may be able to write."""
    try:
        parsed = _compiled(expression).parsed
    except (ValueError, RecursionError):
        return False
    return any(node.get("type") == "field" and str(node.get("value")).lower() == "tags" for node in _nodes(parsed))


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("children", ()):
        if isinstance(child, Mapping):
            yield from _nodes(child)


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> ParsedResult:
    return jmespath.compile(expression)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 3] + "..."
