# SPDX-License-Identifier: Apache-2.0
"""One client per service and Region, the incident's own keys, and no blind repetition."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from functions.aws.clients import NOT_REPEATABLE, Clients
from functions.context import MEMBER_CREDENTIALS, MemberCredentials
from functions.steps.registry import contain_actions
from tests.conftest import NewScenario
from tests.finding import findings
from tests.scenario import ACCOUNT, INSTANCE, REGION, TARGET, Scenario

OTHER = "555566667777"
KEYS = MemberCredentials("ASIAEXAMPLEEXAMPLE11", "secret", "token")


def clients() -> Clients:
    session = botocore.session.Session()
    session.set_credentials("ASIAEXAMPLEEXAMPLE00", "secret of the hub", "token of the hub")
    return Clients(session, REGION)


def as_member(scenario: Scenario, account: str = ACCOUNT) -> MemberCredentials:
    keys = scenario.simulation.session_in(account).get_credentials()
    assert keys is not None
    return MemberCredentials(keys.access_key, keys.secret_key, str(keys.token))


def test_one_client_for_each_service_and_region_and_side() -> None:
    made = clients()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: made.member("sts", REGION), range(8)))
    assert len(set(map(id, found))) == 1
    others = [made.member("sts", "eu-west-2"), made.hub("sts"), made.member("sns", REGION)]
    assert len({id(each) for each in (*others, found[0])}) == 4
    assert made.member("sts", "eu-west-2").meta.region_name == "eu-west-2"
    assert made.hub("sts").meta.region_name == REGION


def signed(client: Any) -> str:
    seen: list[str] = []

    def stop(request: Any, **_: Any) -> None:
        seen.append(f"{request.headers['Authorization']} {request.headers['X-Amz-Security-Token']}")
        raise RuntimeError("signed")

    client.meta.events.register("before-send.sts.GetCallerIdentity", stop)
    with pytest.raises(RuntimeError, match="signed"):
        client.get_caller_identity()
    return seen[0]


def test_a_member_client_signs_with_the_incidents_keys() -> None:
    client = clients().member("sts", REGION)
    token = MEMBER_CREDENTIALS.set(KEYS)
    try:
        header = signed(client)
    finally:
        MEMBER_CREDENTIALS.reset(token)
    assert KEYS.access_key in header
    assert KEYS.token in header


def test_outside_an_incident_no_member_is_called() -> None:
    with pytest.raises(NoCredentialsError):
        clients().member("sts", REGION).get_caller_identity()


def test_incidents_side_by_side_keep_their_own_keys(new_scenario: NewScenario) -> None:
    scenario = new_scenario(warm=False)
    client, pool = scenario.services().clients.member("sts", REGION), scenario.simulation.runtime().pool

    def who(account: str) -> str:
        MEMBER_CREDENTIALS.set(as_member(scenario, account))
        answers = pool.all([lambda: str(client.get_caller_identity()["Account"])] * 3)
        assert len(set(answers)) == 1
        return answers[0]

    accounts = [ACCOUNT, OTHER] * 4
    assert pool.all([lambda account=account: who(account) for account in accounts]) == accounts
    assert MEMBER_CREDENTIALS.get() is None


def test_keys_are_never_shown() -> None:
    assert repr(KEYS) == "MemberCredentials(***)"
    assert "secret" not in f"{KEYS}"


def _set(scenario: Scenario, ec2: Any) -> Callable[[], Any]:
    del scenario
    return lambda: ec2.create_snapshots(InstanceSpecification={"InstanceId": INSTANCE})


def _single(scenario: Scenario, ec2: Any) -> Callable[[], Any]:
    volume = scenario.host()["volumes"][0]["id"]
    return lambda: ec2.create_snapshot(VolumeId=volume)


def _group(scenario: Scenario, ec2: Any) -> Callable[[], Any]:
    vpc = scenario.simulation.world()["security_groups"][0]["vpc"]
    return lambda: ec2.create_security_group(GroupName="made", Description="made", VpcId=vpc)


NOT_REPEATED = {"CreateSnapshots": _set, "CreateSnapshot": _single, "CreateSecurityGroup": _group}
FAULTS = {
    "timeout-after": ReadTimeoutError,
    "timeout-before": ReadTimeoutError,
    "RequestLimitExceeded": ClientError,
    "InternalError": ClientError,
    "UnauthorizedOperation": ClientError,
}


@pytest.mark.parametrize("operation", NOT_REPEATED)
@pytest.mark.parametrize("fault", FAULTS)
def test_what_has_no_token_is_tried_once(new_scenario: NewScenario, operation: str, fault: str) -> None:
    scenario = new_scenario(faults=[f"ec2:{operation}={fault}*1"], warm=False)
    act = NOT_REPEATED[operation](scenario, scenario.services().clients.member("ec2", REGION))
    MEMBER_CREDENTIALS.set(as_member(scenario))
    before = scenario.simulation.world()
    with scenario.simulation.delivering(1), pytest.raises(FAULTS[fault]):
        act()
    assert len(scenario.calls(operation)) == 1
    world = scenario.simulation.world()
    made = [len(world[kind]) - len(before[kind]) for kind in ("snapshots", "security_groups")]
    assert sum(made) == (1 if fault == "timeout-after" else 0)
    if fault != "timeout-after":
        assert act()  # and without a fault it works


def test_what_can_be_repeated_is(new_scenario: NewScenario) -> None:
    scenario = new_scenario(faults=["ec2:DescribeInstances=InternalError*3"], warm=False)
    client = scenario.services().clients.member("ec2", REGION)
    MEMBER_CREDENTIALS.set(as_member(scenario))
    with scenario.simulation.delivering(1):
        assert client.describe_instances()["Reservations"]
    assert [call["error"] for call in scenario.calls()] == [*["InternalError"] * 3, None]


REPEATABLE = {"CreateNetworkAclEntry", "CreateTags"}
"""The same again changes nothing: a tag has its value already, a number its entry."""


def test_the_list_of_what_is_not_repeated_is_whole() -> None:
    """Every operation of EC2 that steps call and that makes something has a client token, or is on the list."""
    model = botocore.session.Session().get_service_model("ec2")
    for action in contain_actions(changing=True):
        service, _, operation = action.partition(":")
        if service == "ec2" and operation.startswith("Create") and operation not in REPEATABLE:
            tokens = [each for each in model.operation_model(operation).input_shape.members if each == "ClientToken"]
            assert bool(tokens) != (operation in NOT_REPEATABLE["ec2"]), operation


def test_one_time_out_after_the_effect_makes_one_snapshot_set(new_scenario: NewScenario) -> None:
    scenario = new_scenario(faults=["ec2:CreateSnapshots=timeout-after"])
    (result,) = scenario.deliver(findings.asff())
    assert result.targets[0].target == TARGET
    assert len(scenario.simulation.world()["snapshots"]) == 1
    assert len(scenario.calls("CreateSnapshots")) == 1
