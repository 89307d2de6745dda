# SPDX-License-Identifier: Apache-2.0
"""Which IAM users a finding names, in each dialect: those of access keys, never the role of a session."""

from __future__ import annotations

from typing import Any

import pytest

from functions.finding.model import Finding
from functions.finding.parse import parse
from functions.finding.users import users_of
from tests.finding.findings import Json, asff, envelope, native, ocsf


def named(finding: Json) -> tuple[str, ...]:
    (found,) = parse(envelope(finding))
    assert isinstance(found, Finding), found
    return users_of(found.document)


def with_key(dialect: str, name: Any, kind: str) -> Json:
    """Return a finding of a dialect that names an access key beside the host."""
    if dialect == "asff":
        made = asff()
        key = {"PrincipalName": name, "PrincipalType": kind}
        made["Resources"].append(
            {"Type": "AwsIamAccessKey", "Id": "AWS::IAM::AccessKey:AKIAEXAMPLE", "Details": {"AwsIamAccessKey": key}}
        )
        return made
    if dialect == "ocsf":
        made = ocsf()
        data = {"access_key_id": "AKIAEXAMPLE", "user_name": name, "user_type": kind}
        made["resources"].append({"type": "AWS::IAM::AccessKey", "uid": "AKIAEXAMPLE", "data": data})
        return made
    made = native()
    made["resource"]["accessKeyDetails"] = {"accessKeyId": "AKIAEXAMPLE", "userName": name, "userType": kind}
    return made


DIALECTS = ("asff", "native", "ocsf")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("ann", "IAMUser", ("ann",)),
        ("web", "AssumedRole", ()),
        ("web", "Role", ()),
        ("root", "Root", ()),
        ("no user at all", "IAMUser", ()),
        ("x" * 65, "IAMUser", ()),
        (None, "IAMUser", ()),
        (["ann"], "IAMUser", ()),
    ],
)
def test_the_users_of_access_keys_are_named(dialect: str, name: Any, kind: str, expected: tuple[str, ...]) -> None:
    assert named(with_key(dialect, name, kind)) == expected


def test_who_is_named_twice_is_named_once() -> None:
    made = with_key("ocsf", "ann", "IAMUser")
    made["resources"] += [made["resources"][-1], {"type": "AWS::IAM::AccessKey", "data": "not an object"}]
    assert named(made) == ("ann",)
