# SPDX-License-Identifier: Apache-2.0
"""What the code knows is in the documents, and the documents name nothing that it doesn't know."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from functions.incident.model import State, StepOutcome
from functions.intake.result import Outcome
from functions.policy.model import Mode
from functions.settings import Settings, SettingsError
from functions.steps import host
from functions.steps.registry import STEPS, contain_actions, release_actions, risks
from functions.steps.step import Step
from hub.policy.compile import compile_config
from tests.docs.pages import ROOT, fenced, section, table, text, words

STEPS_PAGE = "docs/reference/steps.md"
RISKS_PAGE = "docs/reference/residual-risk.md"
OPERATIONS = "docs/guide/operations.md"
POLICY = "docs/guide/policy.md"
ACTION = re.compile(r"[a-z0-9]+:[A-Z]\w+")


def actions(part: str) -> list[str]:
    return [word for word in re.findall(r"`([^`\n]+)`", part) if ACTION.fullmatch(word)]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_is_described_with_its_permissions(step: Step) -> None:
    told = section(STEPS_PAGE, step.name)
    purposes = re.split(r"^Permissions to (.+?):", told, flags=re.MULTILINE)[1:]
    listed = {purpose: actions(part) for purpose, part in zip(purposes[::2], purposes[1::2], strict=True)}
    assert listed["contain"] == sorted(step.permissions)
    assert listed["release"] == sorted(step.release_permissions)
    identity = {grant.action for grant in step.identity_grants}
    assert listed.get("use the opt-in role", []) == sorted(identity)


def test_what_describing_takes_is_told() -> None:
    assert actions(text(STEPS_PAGE).partition("## ")[0]) == list(host.PERMISSIONS)


def test_the_roles_have_what_the_records_say() -> None:
    roles = table(STEPS_PAGE, "role")
    assert actions(roles["contain"]) == sorted(contain_actions(changing=True))
    assert actions(roles["release"]) == sorted(release_actions())


def test_no_step_is_described_that_is_not_there() -> None:
    headings = set(re.findall(r"^## (.+)$", text(STEPS_PAGE), re.MULTILINE))
    assert headings == {step.name for step in STEPS} | {"Calls", "The member roles"}


def test_outcomes_states_and_risks_are_explained() -> None:
    assert list(table(OPERATIONS, "outcome of a finding")) == [
        "acted",
        "awaiting-approval",
        "observed",
        "merged",
        "duplicate",
        "ignored",
        "rejected",
        "dead-lettered",
    ]
    assert set(table(OPERATIONS, "outcome of a finding")) == {each.value for each in Outcome}
    assert list(table(OPERATIONS, "state of an incident")) == [each.value for each in State]
    told = {word: rest.partition(" | ")[0] for word, rest in table(RISKS_PAGE, "residual risk").items()}
    assert told == {risk.word: risk.meaning for risk in risks()}
    assert {each.value for each in StepOutcome} <= words(section(OPERATIONS, "Words"))
    assert {each.value for each in Mode} <= words(section(POLICY, "Policy"))


def logged() -> dict[str, set[str]]:
    """Return every kind of log line in the code that ships, with the fields that are named where it is written."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "functions").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) != "log.write":
                continue
            kind = ast.literal_eval(node.args[0])
            kinds[kind].update(keyword.arg for keyword in node.keywords if keyword.arg not in {None, "level"})
            if any(keyword.arg is None for keyword in node.keywords):
                kinds[kind].update({"account", "region", "instance"})
    return dict(kinds)


def test_every_kind_of_log_line_and_field_is_told() -> None:
    told = {kind: words(rest.rpartition(" | ")[2]) - {"retry"} for kind, rest in table(OPERATIONS, "kind").items()}
    assert told == logged()


DEPLOYMENT = "docs/reference/deployment.md"


def variables() -> set[str]:
    """Return the names of the variables that are read."""
    tree = ast.parse(Path(ROOT / "functions" / "settings.py").read_text(encoding="utf-8"))
    strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {value for value in strings if re.fullmatch(r"(CORDON|AWS)_[A-Z_]+", value)}


def test_the_variables_are_those_of_the_settings() -> None:
    told = table(DEPLOYMENT, "variable")
    assert set(told) == variables()
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({})
    needed = {problem.removesuffix(" is not set") for problem in caught.value.problems}
    assert {name for name, rest in told.items() if not rest.startswith("no")} == needed


def test_the_defaults_are_those_of_the_settings() -> None:
    told = table(DEPLOYMENT, "variable")
    given = {
        "AWS_REGION": "eu-west-1",
        "CORDON_ORGANIZATION": "o-exampleorgid",
        "CORDON_HUB_ACCOUNT": "111122223333",
        "CORDON_QUALIFIER": "cordon",
    }
    settings = Settings.from_env({**{name: "example" for name in told if not told[name].startswith("no")}, **given})
    assert told["CORDON_LEASE_SECONDS"].startswith(f"no, {settings.lease_seconds} |")
    assert told["CORDON_CEILING_PER_HOUR"].startswith(f"no, {settings.ceiling_per_hour} |")
    roles = table(DEPLOYMENT, "role")
    for purpose in ("contain", "release"):
        assert roles[settings.role_arn("aws", "111122223333", purpose)].startswith(
            f"`{settings.external_id('111122223333')}`"
        )


def folders(top: str) -> set[str]:
    return {path.parent.name for path in (ROOT / top).glob("*/__init__.py")}


def test_every_folder_of_code_is_on_the_map() -> None:
    (layout,) = [block for block in fenced("CONTRIBUTING.md") if block.startswith("config/  ")]
    tops = re.split(r"^(?=\w)", layout, flags=re.MULTILINE)
    told = {part.partition("/")[0]: set(re.findall(r"^  (\w+)/", part, re.MULTILINE)) for part in tops if part}
    assert told["functions"] == folders("functions")
    assert told["hub"] == folders("hub")
    assert [top for top in told if not (ROOT / top).is_dir()] == []


def test_every_folder_of_tests_is_on_the_map() -> None:
    told = {each.removeprefix("tests/") for each in table("CONTRIBUTING.md", "folder")}
    assert told == folders("tests") | {"events"}


def test_every_folder_of_code_has_its_fast_tests() -> None:
    told = table("CONTRIBUTING.md", "folder of code")
    rooms = {f"{top}/{room}" for top in ("functions", "hub") for room in folders(top)}
    assert set(told) == rooms | {"functions", "member_stacks", "config", "docs"}
    for folder, rest in told.items():
        tests, _, seconds = rest.partition(" | ")
        assert words(tests), folder
        assert [each for each in words(tests) if not (each.startswith("tests/") and (ROOT / each).exists())] == []
        assert int(seconds) <= 60, folder


def test_the_policy_that_ships_is_what_the_guide_says() -> None:
    compiled = compile_config(ROOT / "config")
    bundle = compiled.bundle
    strictest = {
        place: max((rule.mode for rule in bundle.policy_for(account, place).rules), key=lambda mode: mode.rank)
        for account, place in (("", "/"), ("", "/Workloads/Prod"))
    }
    assert strictest == {"/": Mode.OBSERVE, "/Workloads/Prod": Mode.APPROVE}
    assert (len(bundle.ous), len(bundle.accounts), compiled.rules) == (2, 1, 13)
    (account,) = bundle.accounts
    assert max(rule.mode.rank for rule in bundle.policy_for(account, "/").rules) == Mode.ENFORCE.rank
    told = " ".join(section(POLICY, "What ships").split())
    assert "13 rules, the organisation in `observe`, one OU in `approve`, one account in `enforce`" in told
