# SPDX-License-Identifier: Apache-2.0
"""A deployment's life by the commands alone, with the real CDK: deployed, at work, left when nothing is open."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from hub.lab.lab import Lab, up
from tests.lab.fixture import ROOT, LabFixture
from tests.lab.test_end_to_end import CLASSIC, only, seen

pytestmark = pytest.mark.lab

STACKS = ("cordon-hub", "cordon-members")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Lab]:
    """A lab of this test's own, because it is taken away."""
    log = (tmp_path / "progress.txt").open("w", encoding="utf-8")
    with log, up(ROOT / "config", lambda text: print(text, file=log), port=0) as running:
        yield running


def cordon(lab: Lab, *arguments: str) -> tuple[int, str]:
    """Run the command with the keys of the hub account's root; return its exit code and all that it prints."""
    keys = {
        "AWS_ENDPOINT_URL": lab.endpoint,
        "AWS_REGION": lab.world.home_region,
        "AWS_ACCESS_KEY_ID": lab.world.hub,
        "AWS_SECRET_ACCESS_KEY": "lab",
    }
    command = Path(sys.executable).parent / "cordon"
    ended = subprocess.run(
        [command, *arguments], cwd=ROOT, env={**os.environ, **keys}, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def standing(lab: Lab) -> list[str]:
    """Return which of the hub's stacks there are."""
    found = []
    for name in STACKS:
        try:
            lab.clients.root("cloudformation", lab.world.hub, lab.world.home_region).describe_stacks(StackName=name)
        except ClientError:
            continue
        found.append(name)
    return found


def test_deployed_at_work_and_left(own: Lab) -> None:
    code, told = cordon(own, "organization", "deploy", "--stack", "hub", "--yes")
    assert code == 0, told
    assert "Deployed in account 111111111111: cordon-hub." in told

    lab_fixture = LabFixture(own)
    host = lab_fixture.new_host()
    before = seen(lab_fixture, host)
    incident = only(lab_fixture.report(CLASSIC, host))
    assert seen(lab_fixture, host) != before

    code, told = cordon(own, "organization", "destroy", "--yes")
    assert code == 1
    assert incident.id in told
    assert standing(own) == list(STACKS)

    code, told = cordon(own, "release", incident.id, "--by", "the lab")
    assert code == 0, told
    assert seen(lab_fixture, host) == before

    code, told = cordon(own, "organization", "destroy", "--yes")
    assert code == 0, told
    assert standing(own) == []
    storage = own.clients.root("s3", own.world.hub, own.world.home_region)
    kept = storage.list_objects_v2(Bucket=own.settings.evidence_bucket, Prefix=f"incidents/{incident.id}/")
    assert kept["KeyCount"] > 0, "evidence stays"
    assert f"Left on purpose: bucket {own.settings.evidence_bucket}" in told
