# SPDX-License-Identifier: Apache-2.0
"""Expressions that can't be meant, and expressions that can."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.policy.expressions import Doubt, lint


@pytest.mark.parametrize(
    "expression",
    [
        "Severity.Product >= `7` && Types[?contains(@, 'CryptoCurrency')]",
        "Resources[?Tags.Fleet == 'loadtest']",
        "Resources[?Type=='AwsEc2Instance'].Details.AwsEc2Instance.VpcId",
        "ProductFields.\"aws/securityhub/ProductName\" == 'GuardDuty'",
        "Types[0] | contains(@, 'x')",
        "sort_by(Resources, &Type)[0].Type == 'AwsEc2Instance'",
        "length(Resources) > `3` || Sample",
        "!Sample",
        "Detection.Sequence.Signals[?Type=='FINDING']",
        "not_null(Region, Title)",
        "Workflow.Status == 'NEW' && RecordState == 'ACTIVE'",
        "Resources[].Details.AwsEc2Instance.{image: ImageId}",
        "Resources[*].Region | [0]",
        "`true`",
    ],
)
def test_sound(expression: str) -> None:
    assert lint(expression) == []


@pytest.mark.parametrize(
    ("expression", "doubt"),
    [
        ("Sevrity.Label == 'HIGH'", Doubt("'Sevrity' is not a field of AwsSecurityFinding", "Severity")),
        ("Resources[].Details.AwsEc2Instance.VpcID", Doubt("'VpcID' is not a field of AwsEc2InstanceDetails", "VpcId")),
        ('Title == "x"', Doubt("\"x\" in double quotes is the name of a field; text is written 'x'")),
        ('contains(Types, "x")', Doubt("\"x\" in double quotes is the name of a field; text is written 'x'")),
        (
            "Severity.Label == 'high'",
            Doubt("'high' is no value of SeverityLabel (INFORMATIONAL, LOW, MEDIUM, HIGH, CRITICAL)", "HIGH"),
        ),
        ("Severity.Label >= 'HIGH'", Doubt(">= compares numbers alone, and this is string: the answer is always null")),
        ("Severity.Product == '8'", Doubt("number and string are compared, which are never equal")),
        ("AwsAccountId == `111122223333`", Doubt("number and string are compared, which are never equal")),
        ("contain(Types, 'x')", Doubt("there is no function contain()", "contains")),
        ("contains(Types)", Doubt("contains() takes 2 arguments, not 1")),
        ("starts_with(Types, 'x')", Doubt("argument 1 of starts_with() is array, and must be string")),
        (
            "Resources.Type == 'x'",
            Doubt("'Type' is looked up in a list (ResourceList): a list has no fields, write [] before it"),
        ),
        ("Title.Text == 'x'", Doubt("'Text' is looked up in NonEmptyString, which has no fields")),
        ("Severity[0]", Doubt("a position in a list is applied to Severity, which is no list")),
        ("Types.*", Doubt("a * over values is applied to TypeList, which is no map")),
        ("a b", Doubt("is not JMESPath: 'b' at character 3 is out of place")),
        ("contains(", Doubt("is not JMESPath: it ends too early")),
        ("Title == 'x", Doubt("is not JMESPath: Unclosed ' delimiter at character 10")),
        ("", Doubt("is not JMESPath: Invalid JMESPath expression: cannot be empty.")),
        ("Title == `x`", Doubt("has `...` around what is not JSON; write text as '...'")),
        ("'x'", Doubt("is always the same: 'x'")),
        ("(" * 5000, Doubt("is nested too deeply")),
    ],
)
def test_doubtful(expression: str, doubt: Doubt) -> None:
    assert lint(expression) == [doubt]


def test_everything_at_once() -> None:
    assert len(lint("Sevrity.Label == 'HIGH' && contain(Types) && Region > 'x'")) == 3


@given(st.text(alphabet="abT.[]()*?@&|!'`\"=<>{}:,0 ", max_size=40))
def test_never_a_traceback(expression: str) -> None:
    assert all(doubt.message for doubt in lint(expression))
