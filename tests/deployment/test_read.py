# SPDX-License-Identifier: Apache-2.0
"""From ``deployment.yaml`` and the lock file to settings, or to everything that is wrong with them."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from functions import names
from functions.settings import Settings
from hub.cli.commands.policy import policy
from hub.deployment.model import Detection, EvidenceSettings, Guard, Rollout
from hub.deployment.read import read_settings
from hub.deployment.regions import partitions
from hub.deployment.shape import DeploymentShape, DetectionShape, EvidenceShape, GuardShape, RolloutShape
from hub.deployment.words import LONGEST_QUALIFIER
from hub.policy.errors import PolicyErrors
from tests.conftest import CONFIG
from tests.deployment.made import settings

LOCK = {"organization": "o-exampleorgid", "hub": "111111111111", "forensics": "222222222222", "accounts": {}}
TOP = 'version: 1\nqualifier: cordon\nmanagement: "333333333333"\n'
PLACE = "home_region: eu-west-1\nregions: [eu-west-1, us-east-1]\n"
UNITS = "rollout: {canary: [ou-abcd-11111111], rest: [ou-abcd-22222222]}\n"
WHOLE = TOP + PLACE + UNITS


def configuration(directory: Path, text: str | None, **lock: Any) -> Path:
    config = directory / "config"
    config.mkdir()
    if text is not None:
        (config / "deployment.yaml").write_text(text, encoding="utf-8")
    (config / "organization.yaml").write_text("version: 1\n", encoding="utf-8")
    values = {key: value for key, value in {**LOCK, **lock}.items() if value is not None}
    (config / "organization.lock.json").write_text(json.dumps(values), encoding="utf-8")
    return config


def errors(directory: Path, text: str | None, **lock: Any) -> list[str]:
    config = configuration(directory, text, **lock)
    with pytest.raises(PolicyErrors) as caught:
        read_settings(config)
    return [str(error).removeprefix(f"{config}/") for error in caught.value.errors]


def test_what_must_be_there_is_enough(tmp_path: Path) -> None:
    assert read_settings(configuration(tmp_path, WHOLE)) == settings()


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    text = (
        'version: 1\nqualifier: cordon-2\nmanagement: "333333333333"\nhome_region: us-gov-west-1\n'
        "regions: [us-gov-east-1, us-gov-west-1]\n"
        "rollout: {canary: [ou-abcd-11111111], rest: [ou-abcd-22222222, ou-abcd-33333333], concurrency_percentage: 50, tolerance_percentage: 0, identity: true}\n"
        "evidence: {lock_days: 30, lock_mode: compliance}\n"
        'guard: {targets: [r-abcd, ou-abcd-11111111, 444455556666], break_glass: ["arn:*:iam::*:role/break-glass"], deployers: ["arn:*:iam::111111111111:role/cordon-deployer"]}\n'
        "detection: {security_hub: true, security_hub_v2: true, guardduty: true}\n"
        'operators: ["arn:*:iam::111111111111:role/soc-*"]\n'
        "notify: [soc@example.com]\ncontainments_per_hour: 5\nlog_retention_days: 90\n"
    )
    assert read_settings(configuration(tmp_path, text)) == settings(
        qualifier="cordon-2",
        home_region="us-gov-west-1",
        regions=("us-gov-east-1", "us-gov-west-1"),
        rollout=Rollout(("ou-abcd-11111111",), ("ou-abcd-22222222", "ou-abcd-33333333"), 50, 0, identity=True),
        evidence=EvidenceSettings(30, "compliance"),
        guard=Guard(
            ("r-abcd", "ou-abcd-11111111", "444455556666"),
            ("arn:*:iam::*:role/break-glass",),
            ("arn:*:iam::111111111111:role/cordon-deployer",),
        ),
        detection=Detection(security_hub=True, security_hub_v2=True, guardduty=True),
        operators=("arn:*:iam::111111111111:role/soc-*",),
        notify=("soc@example.com",),
        containments_per_hour=5,
        log_retention_days=90,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ["deployment.yaml:1:1: can't be read (No such file or directory)"]),
        ("version: 1\n\tx: 1\n", ["deployment.yaml:2:1: a tab in the indentation, where YAML wants spaces"]),
        ("version: 1\nqualifier: &q cordon\n", ["deployment.yaml:2:12: the anchor &q is not supported: write values out where they belong"]),
        (
            "version: 2\n",
            [
                "deployment.yaml:1:1: home_region: is missing",
                "deployment.yaml:1:1: management: is missing",
                "deployment.yaml:1:1: qualifier: is missing",
                "deployment.yaml:1:1: regions: is missing",
                "deployment.yaml:1:1: rollout: is missing",
                "deployment.yaml:1:10: version: 2 is none of 1",
            ],
        ),
        (WHOLE + "regoins: []\n", ["deployment.yaml:7:1: regoins: is not known here; did you mean 'regions'?"]),
        (
            WHOLE + "evidence: {days: 30}\n",
            ["deployment.yaml:7:12: evidence.days: is not known here; did you mean 'lock_days'?"],
        ),
        (WHOLE + "version: 1\n", ["deployment.yaml:7:1: version: the key is there twice, first at line 1"]),
        (
            TOP + PLACE + "rollout: {canary: ou-abcd-11111111, rest: []}\n",
            ["deployment.yaml:6:19: rollout.canary: must be a list, not text"],
        ),
        (
            WHOLE + "evidence: {lock_days: year, lock_mode: governence}\ndetection: {guardduty: yes}\n",
            [
                "deployment.yaml:7:23: evidence.lock_days: must be a whole number, not text",
                "deployment.yaml:7:40: evidence.lock_mode: 'governence' is none of governance, compliance; did you mean 'governance'?",
                "deployment.yaml:8:24: detection.guardduty: must be true or false, not text; did you mean 'true'?",
            ],
        ),
        (
            WHOLE + "evidence: {lock_days: 36501}\ncontainments_per_hour: 0\nlog_retention_days: 366\nnotify: [soc.example.com, soc@example, a b@example.com]\n",
            [
                "deployment.yaml:7:23: evidence.lock_days: 36501 is not between 1 and 36500",
                "deployment.yaml:8:24: containments_per_hour: 0 is not between 1 and 1000",
                "deployment.yaml:9:21: log_retention_days: 366 days is nothing that CloudWatch Logs knows; did you mean 365?",
                "deployment.yaml:10:10: notify[0]: 'soc.example.com' is not an e-mail address",
                "deployment.yaml:10:27: notify[1]: 'soc@example' is not an e-mail address",
                "deployment.yaml:10:40: notify[2]: 'a b@example.com' is not an e-mail address",
            ],
        ),
        (
            TOP.replace('"333333333333"', "3333") + PLACE + UNITS.replace("}", ", concurrency_percentage: 0, tolerance_percentage: 101}").replace("ou-abcd-11111111", "r-abcd"),
            [
                "deployment.yaml:3:13: management: must be text, not a number",
                "deployment.yaml:6:20: rollout.canary[0]: 'r-abcd' is not the id of an OU (ou-...)",
                "deployment.yaml:6:79: rollout.concurrency_percentage: 0 is not between 1 and 100",
                "deployment.yaml:6:104: rollout.tolerance_percentage: 101 is not between 0 and 100",
            ],
        ),
        (
            TOP.replace("333333333333", "33333333333") + PLACE + UNITS,
            ["deployment.yaml:3:13: management: '33333333333' is not an account id: 12 digits, this has 11"],
        ),
        (
            TOP.replace("333333333333", LOCK["hub"]) + PLACE + UNITS,
            ["deployment.yaml:3:13: management: '111111111111' is the hub in organization.lock.json: the hub is a delegated administrator, not management"],
        ),
        (
            TOP + "home_region: eu-wst-1\nregions: [eu-wst-1]\n" + UNITS,
            [
                "deployment.yaml:4:14: home_region: 'eu-wst-1' is no Region of AWS; did you mean 'eu-west-1'?",
                "deployment.yaml:5:11: regions[0]: 'eu-wst-1' is no Region of AWS; did you mean 'eu-west-1'?",
            ],
        ),
        (
            TOP + "home_region: eu-west-1\nregions: [us-gov-west-1, cn-north-1]\n" + UNITS,
            [
                "deployment.yaml:5:10: regions: lacks the home Region 'eu-west-1'",
                "deployment.yaml:5:11: regions[0]: 'us-gov-west-1' is in the partition aws-us-gov, the home Region in aws",
                "deployment.yaml:5:26: regions[1]: 'cn-north-1' is in the partition aws-cn, the home Region in aws",
            ],
        ),
        (
            TOP + "home_region: eu-west-1\nregions: []\nrollout: {canary: [], rest: []}\n",
            [
                "deployment.yaml:5:10: regions: is empty: name at least one",
                "deployment.yaml:6:19: rollout.canary: is empty: name at least one",
                "deployment.yaml:6:29: rollout.rest: is empty: name at least one",
            ],
        ),
        (
            TOP + PLACE.replace("us-east-1", "eu-west-1") + UNITS.replace("22222222", "11111111"),
            [
                "deployment.yaml:5:22: regions[1]: 'eu-west-1' stands here twice",
                "deployment.yaml:6:46: rollout.rest[0]: 'ou-abcd-11111111' is in canary already: name an OU only once",
            ],
        ),
        (
            WHOLE + "guard: {targets: [root], break_glass: [admin, 'arn:aws:iam::*:role/*']}\n",
            [
                "deployment.yaml:7:19: guard.targets[0]: 'root' is not the id of a root (r-...), an OU (ou-...) or an account",
                "deployment.yaml:7:40: guard.break_glass[0]: 'admin' is not an ARN pattern such as arn:*:iam::*:role/break-glass",
                "deployment.yaml:7:47: guard.break_glass[1]: 'arn:aws:iam::*:role/*' fits every principal, so the guard would deny nothing: name a role or user",
            ],
        ),
        (
            WHOLE + "guard: {targets: [r-abcd], break_glass: []}\n",
            [
                "deployment.yaml:7:8: guard.deployers: is empty, but the guard has targets: name the principals that may deploy",
                "deployment.yaml:7:28: guard.break_glass: is empty, but the guard has targets: name the principals that are exempt in an emergency",
            ],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str | None, expected: list[str]) -> None:
    assert errors(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("qualifier", "message"),
    [
        ("Cordon", "'Cordon' is not a qualifier: a lower-case letter, then lower-case letters, digits, dashes"),
        ("cordon-", "'cordon-' is not a qualifier: a lower-case letter, then lower-case letters, digits, dashes"),
        ("cordon-of-the-north-x", "'cordon-of-the-north-x' has 21 characters; names leave room for 20"),
        ("aws", "'aws' begins as AWS's own names do (aws, amzn, sthree, xn-)"),
        ("cordon-hub", "'cordon-hub' ends with -hub: its roles would be called like those of 'cordon'"),
    ],
)
def test_a_qualifier_that_can_be_no_part_of_names(tmp_path: Path, qualifier: str, message: str) -> None:
    found = errors(tmp_path, WHOLE.replace("cordon", qualifier, 1))
    assert found == [f"deployment.yaml:2:12: qualifier: {message}"]


def test_a_deployment_needs_a_forensics_account(tmp_path: Path) -> None:
    assert errors(tmp_path, WHOLE, forensics=None) == [
        "organization.lock.json:1:1: forensics: is missing: the member roles share snapshots with this account and no other"
    ]


def test_errors_of_both_files_come_together(tmp_path: Path) -> None:
    assert errors(tmp_path, WHOLE.replace("eu-west-1", "eu-west-9", 1), hub="1") == [
        "deployment.yaml:4:14: home_region: 'eu-west-9' is no Region of AWS; did you mean 'eu-west-3'?",
        "organization.lock.json:1:43: hub: '1' is not an account id: 12 digits, this has 1",
    ]


def test_the_longest_qualifier_fits_every_name_in_every_region() -> None:
    longest = "q" * LONGEST_QUALIFIER
    for region in partitions():
        for bucket in (names.policy_bucket, names.evidence_bucket):
            assert len(bucket(longest, "111111111111", region)) <= 63
        assert len(names.hub_role(longest, f"forwarder-{region}")) <= 64


def test_the_functions_accept_the_longest_qualifier_and_none_longer() -> None:
    given = {
        "AWS_REGION": "eu-west-1",
        "CORDON_ORGANIZATION": "o-exampleorgid",
        "CORDON_HUB_ACCOUNT": "111111111111",
        **{f"CORDON_{name}": "x" for name in ("TABLE", "POLICY_BUCKET", "EVIDENCE_BUCKET", "TOPIC")},
    }
    assert Settings.from_env({**given, "CORDON_QUALIFIER": "q" * LONGEST_QUALIFIER}).qualifier
    with pytest.raises(Exception, match="CORDON_QUALIFIER"):
        Settings.from_env({**given, "CORDON_QUALIFIER": "q" * (LONGEST_QUALIFIER + 1)})


def test_the_settings_that_ship_are_complete_and_hold_nothing_but_defaults() -> None:
    assert read_settings(CONFIG) == settings()


def test_policy_check_tells_of_the_settings_too(tmp_path: Path) -> None:
    config = configuration(tmp_path, WHOLE + "notify: [soc]\n")
    (config / "organization.yaml").write_text("version: 1\nmod: observe\n", encoding="utf-8")
    result = CliRunner().invoke(policy, ["check", "--config", str(config)])
    assert (result.exit_code, result.output.splitlines()) == (
        1,
        [
            f"{config}/deployment.yaml:7:10: notify[0]: 'soc' is not an e-mail address",
            f"{config}/organization.yaml:2:1: mod: is not known here; did you mean 'mode'?",
            "2 errors",
        ],
    )


def test_policy_check_finds_wrong_settings_beside_policy_that_compiles(tmp_path: Path) -> None:
    config = configuration(tmp_path, WHOLE + "notify: [soc]\n")
    for command, code in (("check", 1), ("compile", 0)):
        result = CliRunner().invoke(policy, [command, "--config", str(config), "--json"])
        assert (command, result.exit_code) == (command, code), result.output


README = (CONFIG / "README.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[1]


def test_the_example_of_the_readme_is_sound_and_shows_the_defaults(tmp_path: Path) -> None:
    assert read_settings(configuration(tmp_path, EXAMPLE)) == settings(notify=("soc@example.com",))


def test_the_example_of_the_readme_has_every_key() -> None:
    shapes = (DeploymentShape, RolloutShape, EvidenceShape, GuardShape, DetectionShape)
    assert [field.name for shape in shapes for field in fields(shape) if f"{field.name}:" not in EXAMPLE] == []
