# SPDX-License-Identifier: Apache-2.0
"""The private names of the emulators that the lab uses: they are there, and are called as they were.

The versions are pinned exactly; whoever moves a pin learns here what has to be looked at again. UPDATE_GOLDEN=1 writes
the file anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub.lab.emulator.server import environment
from hub.lab.process import EMULATORS, check_installed

pytestmark = pytest.mark.lab

GOLDEN = Path(__file__).parent / "private_names.json"
NAMES = {
    "ministack.app": ("SERVICE_HANDLERS", "app"),
    "ministack.core.iam_actions": (
        "SERVICE_TO_IAM_NAMESPACE",
        "_BOTOCORE_SERVICE_MAP",
        "access_denied_response",
        "extract_resource_arn",
    ),
    "ministack.core.iam_evaluator": (
        "EvalContext",
        "EvalResult",
        "_conditions_met",
        "_first_match",
        "_gather_role_policies",
        "_principal_keys",
        "_principal_org_id",
        "_resolve_condition_key",
        "enforce",
        "evaluate",
        "evaluate_trust_policy",
        "parse_policy_document",
        "pin_request_origin",
        "resolve_principal",
    ),
    "ministack.core.lambda_runtime": ("execution_credentials",),
    "ministack.core.responses": ("get_account_id", "get_region", "request_scope"),
    "ministack.core.router": ("SERVICE_PATTERNS", "extract_access_key_id"),
    "ministack.services.cloudformation.provisioners": ("_RESOURCE_HANDLERS",),
    "ministack.services.cloudformation.stacks": ("_runs_on_worker_thread",),
    "ministack.services.dynamodb": ("_tables",),
    "ministack.services.eventbridge": (
        "_dispatch_event",
        "_dispatch_to_event_bus",
        "_dispatch_to_sqs",
        "_invoke_target",
        "_put_events",
        "_rule_key",
    ),
    "ministack.services.iam": ("_groups", "_roles", "_users"),
    "ministack.services.lambda_svc": ("_functions", "execution_credentials"),
    "ministack.services.sqs": ("queue_policy_allows",),
    "ministack.services.sts": ("_principal_keys", "_sessions", "register_session"),
    "moto.core.parse": ("PROTOCOL_PARSERS",),
    "moto.ec2.models": ("ec2_backends",),
    "moto.moto_server.werkzeug_app": ("DomainDispatcherApplication", "create_backend_app"),
    "moto.organizations.models": ("FakeDelegatedAdministrator", "organizations_backends"),
}
"""Module -> what is used of it, named as there: underscored or not, nobody promised to keep any of it."""

LOOK = """
import importlib, inspect, json, sys
names = json.load(sys.stdin)
def shown(value):
    if not callable(value):
        return type(value).__name__
    return str(inspect.signature(value))
print(json.dumps({module: {name: shown(getattr(importlib.import_module(module), name)) for name in every}
                  for module, every in names.items()}))
"""


def test_the_versions_are_those_that_are_pinned() -> None:
    check_installed()
    lock = (Path(__file__).parents[2] / "requirements" / "lab.txt").read_text(encoding="utf-8")
    for package, version in EMULATORS.items():
        assert f"{package}=={version} " in lock or f"{package}[server]=={version} " in lock


def test_every_name_is_there_and_is_called_as_it_was(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOOK],
        input=json.dumps(NAMES),
        env={**os.environ, **environment(0, "eu-west-1")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(ended.stdout)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))
