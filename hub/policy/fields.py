# SPDX-License-Identifier: Apache-2.0
"""The possible content of a finding, as far as it is known: the types of an expression's parts.

The source is botocore's own model of the AWS Security Finding Format (``AwsSecurityFinding`` of Security Hub), the
shape in which policy sees every finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

_NUMBERS = {"integer", "long", "float", "double"}


@dataclass(frozen=True, slots=True)
class Type:
    """A JMESPath type. ``shape`` is botocore's, where it comes from the model; ``element``: of a list."""

    kind: str
    """``object``, ``array``, ``string``, ``number``, ``boolean``, ``null`` or ``unknown``."""
    shape: Shape | None = None
    element: Type | None = None
    literal: Any = None

    @property
    def name(self) -> str:
        """The type's name in AWS's model."""
        return self.shape.name if self.shape is not None else self.kind

    @property
    def words(self) -> tuple[str, ...]:
        """The words that text of this type can be; none where any will do."""
        return tuple(self.shape.enum) if isinstance(self.shape, StringShape) else ()

    def fields(self) -> tuple[str, ...] | None:
        """Return the fields of an object; None where any may be there."""
        return tuple(self.shape.members) if isinstance(self.shape, StructureShape) else None

    def field(self, name: str) -> Type:
        """Return the type of a field of an object."""
        if isinstance(self.shape, StructureShape) and name in self.shape.members:
            return of_shape(self.shape.members[name])
        if isinstance(self.shape, MapShape):
            return of_shape(self.shape.value)
        return UNKNOWN

    def each(self) -> Type:
        """Return the type of a list's elements."""
        if isinstance(self.shape, ListShape):
            return of_shape(self.shape.member)
        return self.element or UNKNOWN


UNKNOWN = Type("unknown")
BOOLEAN = Type("boolean")
NUMBER = Type("number")
STRING = Type("string")
NULL = Type("null")


def of_shape(shape: Shape) -> Type:
    """Return the JMESPath type of a shape of botocore's."""
    if isinstance(shape, StructureShape | MapShape):
        return Type("object", shape)
    if isinstance(shape, ListShape):
        return Type("array", shape)
    if shape.type_name in _NUMBERS:
        return Type("number", shape)
    if shape.type_name == "boolean":
        return Type("boolean", shape)
    # Timestamps of a finding are text, in JSON as in ASFF.
    return Type("string", shape)


def of_literal(value: Any) -> Type:
    """Return the type of a value that is written out in an expression."""
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return Type(kinds.get(type(value), "null"), literal=value)


def array_of(element: Type) -> Type:
    """Return the type of a list."""
    return Type("array", element=element)


@cache
def finding() -> Type:
    """Return the type of a finding."""
    model = botocore.session.get_session().get_service_model("securityhub")
    return of_shape(model.shape_for("AwsSecurityFinding"))
