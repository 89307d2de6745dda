# SPDX-License-Identifier: Apache-2.0
"""Check a ``where`` before it is needed: an expression that would silently be false in an incident is an error here.

JMESPath answers null for a field that does not exist, for a comparison of text by size, for a list where an object was
meant; and it fails only when evaluated for an unknown function or a wrong argument. All of these can be derived from
the expression and the model of a finding.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError, LexerError, ParseError
from jmespath.lexer import Lexer

from hub.policy.errors import suggestion
from hub.policy.fields import BOOLEAN, NULL, NUMBER, STRING, UNKNOWN, Type, array_of, finding, of_literal

_Node = Mapping[str, Any]

_BY_SIZE = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_LOGIC = {"and_expression", "or_expression"}
_RESULTS = {
    "contains": BOOLEAN,
    "starts_with": BOOLEAN,
    "ends_with": BOOLEAN,
    "length": NUMBER,
    "sum": NUMBER,
    "avg": NUMBER,
    "abs": NUMBER,
    "ceil": NUMBER,
    "floor": NUMBER,
    "to_number": NUMBER,
    "to_string": STRING,
    "join": STRING,
    "type": STRING,
    "keys": array_of(STRING),
}


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing that is wrong with an expression, and what was probably meant."""

    message: str
    hint: str = ""


def lint(expression: str) -> list[Doubt]:
    """Return everything in a JMESPath expression that can't be meant; none if it is sound."""
    try:
        if _has_loose_literal(expression):
            return [Doubt("has `...` around what is not JSON; write text as '...'")]
        parsed = jmespath.compile(expression).parsed
    except JMESPathError as error:
        return [_syntax(error)]
    except RecursionError:
        return [Doubt("is nested too deeply")]
    lint_ = _Lint(expression)
    result = lint_.walk(parsed, finding())
    if result.literal is not None and not lint_.doubts and result.kind != "boolean":
        lint_.doubts.append(Doubt(f"is always the same: {result.literal!r}"))
    return list(dict.fromkeys(lint_.doubts))


def _has_loose_literal(expression: str) -> bool:
    # JMESPath takes `x` for `"x"`, with a warning, and means to stop; its parser's cache may hide the warning.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(Lexer().tokenize(expression))
    return bool(caught)


def _syntax(error: JMESPathError) -> Doubt:
    if isinstance(error, LexerError):
        return Doubt(f"is not JMESPath: {error.message} at character {error.lex_position + 1}")
    if isinstance(error, ParseError) and error.token_value is not None:
        return Doubt(
            f"is not JMESPath: {str(error.token_value)!r} at character {error.lex_position + 1} is out of place"
        )
    if isinstance(error, ParseError):
        return Doubt("is not JMESPath: it ends too early")
    return Doubt(f"is not JMESPath: {' '.join(str(error).split())}")


@dataclass(slots=True)
class _Lint:
    """Walks an expression with the type of what it is applied to."""

    expression: str
    doubts: list[Doubt] = field(default_factory=list)

    def walk(self, node: _Node, here: Type) -> Type:
        """Return the type of a node's result, and collect doubts."""
        kind, children = node["type"], node["children"]
        match kind:
            case "field":
                return self._field(node["value"], here)
            case "literal":
                return of_literal(node["value"])
            case "index" | "slice":
                return self._position(kind, here)
            case "projection" | "value_projection" | "filter_projection" | "flatten":
                return self._projection(kind, children, here)
            case "comparator":
                return self._comparison(node["value"], children, here)
            case "function_expression":
                return self._function(node["value"], children, here)
            case _:
                return self._plain(kind, children, here)

    def _plain(self, kind: str, children: list[_Node], here: Type) -> Type:
        if kind in {"identity", "current"}:
            return here
        if kind in {"subexpression", "pipe", "index_expression"}:
            for child in children:
                here = self.walk(child, here)
            return here
        types = [self.walk(child, here) for child in children]
        if kind == "not_expression" or (kind in _LOGIC and all(each.kind == "boolean" for each in types)):
            return BOOLEAN
        return array_of(UNKNOWN) if kind == "multi_select_list" else UNKNOWN

    def _position(self, kind: str, here: Type) -> Type:
        self._wants(here, "array", "a position in a list")
        return here.each() if kind == "index" else here

    def _doubt(self, message: str, hint: str = "") -> None:
        self.doubts.append(Doubt(message, hint))

    def _field(self, name: str, here: Type) -> Type:
        if here.kind == "unknown":
            return UNKNOWN
        known = here.fields()
        takes_any = here.kind == "object" and known is None
        if f'"{name}"' in self.expression and not takes_any and name not in (known or ()):
            self._doubt(f"\"{name}\" in double quotes is the name of a field; text is written '{name}'")
            return UNKNOWN
        if here.kind == "array":
            self._doubt(f"{name!r} is looked up in a list ({here.name}): a list has no fields, write [] before it")
            return UNKNOWN
        if here.kind != "object":
            self._doubt(f"{name!r} is looked up in {here.name}, which has no fields")
            return UNKNOWN
        if known is not None and name not in known:
            self._doubt(f"{name!r} is not a field of {here.name}", suggestion(name, known))
            return UNKNOWN
        return here.field(name)

    def _projection(self, kind: str, children: list[_Node], here: Type) -> Type:
        left = self.walk(children[0], here)
        if kind == "value_projection":
            self._wants(left, "object", "a * over values")
            self.walk(children[1], UNKNOWN)
            return array_of(UNKNOWN)
        self._wants(left, "array", "[...]")
        if kind == "flatten":
            inner = left.each()
            return inner if inner.kind == "array" else left
        each = left.each()
        if kind == "filter_projection":
            self.walk(children[2], each)
        return array_of(self.walk(children[1], each))

    def _wants(self, here: Type, kind: str, what: str) -> None:
        if here.kind not in {kind, "unknown"}:
            self._doubt(f"{what} is applied to {here.name}, which is no {'list' if kind == 'array' else 'map'}")

    def _comparison(self, operator: str, children: list[_Node], here: Type) -> Type:
        left, right = (self.walk(child, here) for child in children)
        kinds = {left.kind, right.kind} - {"unknown"}
        if operator in _BY_SIZE:
            for side in kinds - {"number"}:
                self._doubt(
                    f"{_BY_SIZE[operator]} compares numbers alone, and this is {side}: the answer is always null"
                )
            return BOOLEAN
        if len(kinds) > 1 and "null" not in kinds:
            self._doubt(f"{' and '.join(sorted(kinds))} are compared, which are never equal")
        for known, given in ((left, right), (right, left)):
            if known.words and isinstance(given.literal, str) and given.literal not in known.words:
                near = suggestion(given.literal, known.words)
                self._doubt(f"{given.literal!r} is no value of {known.name} ({', '.join(known.words)})", near)
        return BOOLEAN

    def _function(self, name: str, children: list[_Node], here: Type) -> Type:
        known = functions.Functions.FUNCTION_TABLE
        arguments = [self._argument(child, here) for child in children]
        if name not in known:
            self._doubt(f"there is no function {name}()", suggestion(name, known))
            return UNKNOWN
        signature = known[name]["signature"]
        variadic = bool(signature and signature[-1].get("variadic"))
        if len(arguments) < len(signature) or (len(arguments) > len(signature) and not variadic):
            least = "at least " if variadic else ""
            plural = "" if len(signature) == 1 else "s"
            self._doubt(f"{name}() takes {least}{len(signature)} argument{plural}, not {len(arguments)}")
            return _RESULTS.get(name, UNKNOWN)
        for position, argument in enumerate(arguments):
            self._fits(name, position + 1, argument, signature[min(position, len(signature) - 1)]["types"])
        return _RESULTS.get(name, UNKNOWN)

    def _argument(self, node: _Node, here: Type) -> Type:
        if node["type"] == "expref":
            # What it is applied to is an element of another argument: not followed.
            self.walk(node["children"][0], UNKNOWN)
            return Type("expref")
        return self.walk(node, here)

    def _fits(self, name: str, position: int, argument: Type, allowed: list[str]) -> None:
        if not allowed or argument.kind == "unknown":
            return
        wanted = {each.partition("-")[0] for each in allowed}
        if argument.kind not in wanted:
            kind = "null" if argument is NULL else argument.kind
            self._doubt(f"argument {position} of {name}() is {kind}, and must be {' or '.join(sorted(wanted))}")
