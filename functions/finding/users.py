# SPDX-License-Identifier: Apache-2.0
"""The IAM users that a finding names: those whose access keys are among its resources, never a role's session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from functions.finding.shape import lenient, lenient_list

_KEY: Final = ("AwsIamAccessKey", "AWS::IAM::AccessKey")
_USER: Final = "IAMUser"
"""GuardDuty's word for it, in every dialect; roles are ``Role``, ``AssumedRole``."""
NAME: Final = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
"""The names that IAM allows for a user (IAM API reference, CreateUser)."""


def users_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names, each once, in order, out of a finding in the shape of ASFF."""
    found = []
    for entry in lenient_list(document.get("Resources")):
        resource = lenient(entry)
        details = lenient(resource, "Details", "AwsIamAccessKey")
        name = details.get("PrincipalName") or details.get("UserName")
        is_users = resource.get("Type") in _KEY and details.get("PrincipalType") == _USER
        if is_users and isinstance(name, str) and NAME.fullmatch(name):
            found.append(name)
    return tuple(dict.fromkeys(found))
