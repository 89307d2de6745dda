# SPDX-License-Identifier: Apache-2.0
"""``cordon organization template``: the artefact is the template that the stack sets carry, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub.deployment.read import read_settings
from hub.organization import template
from hub.stacks.app import member_body
from tests.cli.running import cordon


def test_the_artefact_is_what_the_stack_sets_carry(config: Path, tmp_path: Path) -> None:
    artefact = tmp_path / "member.json"
    told = cordon("organization", "template", "--config", config, "--output", artefact)

    assert artefact.read_text() == member_body(read_settings(config))
    assert (told.exit_code, told.stdout) == (0, f"{artefact.stat().st_size} bytes  {artefact}\n")
    assert artefact.stat().st_size < 51_200


def test_for_people_it_is_the_same_indented(config: Path) -> None:
    told = cordon("organization", "template", "--config", config, "--pretty")

    assert told.stdout.startswith('{\n  "')
    assert json.loads(told.stdout) == json.loads(member_body(read_settings(config)))


def test_the_drill_range(config: Path) -> None:
    drill = json.loads(cordon("organization", "template", "--config", config, "--drill").stdout)

    assert {"TargetInstance", "AttackerInstance", "AttackDocument"} <= set(drill["Outputs"])


def test_the_settings_are_in_it(config: Path) -> None:
    lock = config / "organization.lock.json"
    lock.write_text(lock.read_text().replace("o-exampleorgid", "o-anotherorgid"))
    assert "o-anotherorgid" in cordon("organization", "template", "--config", config).stdout


def test_a_file_that_cannot_be_written(config: Path, tmp_path: Path) -> None:
    told = cordon("organization", "template", "--config", config, "--output", tmp_path / "nowhere" / "member.json")

    assert told.exit_code == 1
    assert told.stderr.endswith("nowhere/member.json': No such file or directory\n")


def test_without_the_cdk(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "find_spec", lambda _: None)
    told = cordon("organization", "template", "--config", config)

    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr == ("Error: the CDK is not installed: make setup-deploy adds it, with the Node.js it runs on\n")
