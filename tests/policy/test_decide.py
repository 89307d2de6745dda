# SPDX-License-Identifier: Apache-2.0
"""What is decided, and why: tables, and what holds for any finding and any policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.finding.model import Direction, Finding, Label, Severity, Target, Workflow
from functions.incident.claim_document import read_unseen, unseen_text
from functions.incident.model import Unseen
from functions.policy.decide import final, provisional, strictest
from functions.policy.model import Decision, InstanceFacts, Limits, Mode, Policy, Provisional, Usage
from tests.policy.made import ACCOUNT, FACTS, INSTANCE, NOW, SSH, TARGET, TOR, exception, finding, policy, rule

OFF, OBSERVE, APPROVE, ENFORCE = Mode
UNUSED = Usage()


def first(found: Any = None, law: Policy | None = None, **changes: Any) -> Provisional:
    values: dict[str, Any] = {"bundle": "b" * 64, "switched_off": (), "now": NOW, "received_at": NOW}
    return provisional(found or finding(), TARGET, law or policy(), **{**values, **changes})


def last(
    found: Any = None, law: Policy | None = None, facts: InstanceFacts = FACTS, usage: Usage = UNUSED, **changes: Any
) -> Decision:
    law = law or policy()
    released_at = changes.pop("released_at", None)
    return final(first(found, law, **changes), TARGET, law, facts, usage, NOW, released_at=released_at)


def test_the_rules_own_mode() -> None:
    decided = last()
    assert (decided.mode, decided.rule, decided.origin) == (ENFORCE, "tor", "config/organization.yaml:3")
    assert (decided.reasons, decided.steps, decided.bundle) == ((), {"isolate": {}}, "b" * 64)


def test_no_rule() -> None:
    decided = last(finding(types=(SSH,)))
    assert (decided.mode, decided.rule, decided.origin, decided.steps) == (OFF, None, None, {})
    assert decided.reasons == (f"no rule matches '{SSH}' at severity high",)


def test_the_strictest_rule_wins_and_of_equals_the_first() -> None:
    law = policy(rule(OBSERVE, name="a"), rule(APPROVE, name="b"), rule(APPROVE, name="c"), rule(OFF, name="d"))
    assert (last(law=law).mode, last(law=law).rule) == (APPROVE, "b")


@pytest.mark.parametrize(
    ("changes", "types", "mode", "reason"),
    [
        ({"direction": Direction.INBOUND}, (TOR,), ENFORCE, None),
        ({"direction": Direction.OUTBOUND}, ("*",), ENFORCE, None),
        (
            {"direction": Direction.INBOUND},
            ("*",),
            OBSERVE,
            "enforce is lowered to observe: the activity is inbound and rule 'tor' does not name the type exactly",
        ),
        (
            {"direction": Direction.UNKNOWN},
            ("*",),
            OBSERVE,
            (
                "enforce is lowered to observe: the activity is of unknown direction"
                " and rule 'tor' does not name the type exactly"
            ),
        ),
        (
            {"sample": True},
            (TOR,),
            OBSERVE,
            "enforce is lowered to observe: a sample finding is planned, never enforced",
        ),
        ({"closed": True}, (TOR,), OFF, "enforce is lowered to off: the finding is archived or closed"),
        (
            {"workflow": Workflow.SUPPRESSED},
            (TOR,),
            APPROVE,
            "enforce is lowered to approve: the finding was marked suppressed in Security Hub",
        ),
        (
            {"workflow": Workflow.RESOLVED},
            (TOR,),
            APPROVE,
            "enforce is lowered to approve: the finding was marked resolved in Security Hub",
        ),
        ({"workflow": Workflow.NOTIFIED}, (TOR,), ENFORCE, None),
    ],
)
def test_what_the_finding_lowers(
    changes: dict[str, Any], types: tuple[str, ...], mode: Mode, reason: str | None
) -> None:
    decided = last(finding(**changes), policy(rule(ENFORCE, *types)))
    assert decided.mode is mode
    assert decided.reasons == ((reason,) if reason else ())


@pytest.mark.parametrize("own", [OFF, OBSERVE, APPROVE])
def test_a_withdrawn_finding_is_ignored_where_no_rule_would_enforce(own: Mode) -> None:
    assert last(finding(workflow=Workflow.SUPPRESSED), policy(rule(own))).mode is OFF


def test_an_exact_rule_counts_where_a_wildcard_is_lowered() -> None:
    law = policy(rule(ENFORCE, "*", name="wide"), rule(APPROVE, TOR, name="exact"))
    decided = last(finding(direction=Direction.INBOUND), law)
    assert (decided.mode, decided.rule, decided.reasons) == (APPROVE, "exact", ())


@pytest.mark.parametrize(
    ("changes", "mode", "reason"),
    [
        (
            {"switched_off": ("the organisation", "OU /Workloads")},
            OBSERVE,
            "enforce is lowered to observe: containment is switched off for the organisation, OU /Workloads",
        ),
        ({"received_at": NOW - timedelta(hours=6)}, ENFORCE, None),
        (
            {"received_at": NOW - timedelta(hours=6, seconds=1)},
            APPROVE,
            "enforce is lowered to approve: the event is older than the 6 hours after which people decide",
        ),
        (
            {"ceiling": OBSERVE, "ceiling_reason": "the hub's own account"},
            OBSERVE,
            "enforce is lowered to observe: the hub's own account",
        ),
        ({"ceiling": APPROVE}, APPROVE, "enforce is lowered to approve: a ceiling outside the policy"),
        (
            {"released_at": NOW - timedelta(hours=1)},
            APPROVE,
            "enforce is lowered to approve: the instance was released from an earlier incident",
        ),
        (
            {"released_at": NOW},
            OFF,
            "enforce is lowered to off: the activity is older than the release of this instance",
        ),
    ],
)
def test_what_the_circumstances_lower(changes: dict[str, Any], mode: Mode, reason: str | None) -> None:
    decided = last(**changes)
    assert decided.mode is mode
    assert decided.reasons == ((reason,) if reason else ())


def test_reasons_are_told_in_order() -> None:
    decided = last(
        finding(sample=True, workflow=Workflow.RESOLVED),
        switched_off=("the organisation",),
        received_at=NOW - timedelta(days=1),
    )
    assert [reason.split(":")[0] for reason in decided.reasons] == [
        "enforce is lowered to approve",
        "approve is lowered to observe",
    ]


NODE = InstanceFacts(image=None, tags={"eks:cluster-name": "c"})
GROUP = InstanceFacts(image=None, tags={}, scaling_group="web")


@pytest.mark.parametrize(
    ("facts", "usage", "mode"),
    [
        (NODE, Usage(), APPROVE),
        (InstanceFacts(None, {"kubernetes.io/cluster/c": "owned"}), Usage(), APPROVE),
        (InstanceFacts(None, {"karpenter.sh/nodepool": "p"}), Usage(), APPROVE),
        (InstanceFacts(None, {"kubernetes.io/name": "x"}), Usage(), ENFORCE),
        (FACTS, Usage(account=9), ENFORCE),
        (FACTS, Usage(account=10), APPROVE),
        (FACTS, Usage(scaling_group=5), ENFORCE),
        (GROUP, Usage(scaling_group=1), ENFORCE),
        (GROUP, Usage(scaling_group=2), APPROVE),
    ],
)
def test_what_the_instance_lowers(facts: InstanceFacts, usage: Usage, mode: Mode) -> None:
    decided = last(facts=facts, usage=usage)
    assert decided.mode is mode
    assert len(decided.reasons) == (mode is not ENFORCE)


@pytest.mark.parametrize(("number", "mode"), [(5, ENFORCE), (6, APPROVE)])
def test_attack_sequences_that_name_many(number: int, mode: Mode) -> None:
    name = "AttackSequence:EC2/CompromisedInstanceGroup"
    targets = tuple(Target("aws", ACCOUNT, "eu-west-1", f"i-{each:017x}") for each in range(number))
    assert last(finding(types=(name,), targets=targets), policy(rule(ENFORCE, name))).mode is mode
    assert last(finding(targets=targets)).mode is ENFORCE


def test_settings_of_the_policy_are_followed() -> None:
    law = policy(limits=Limits(per_account_hour=0), eks_nodes=ENFORCE, after_release=ENFORCE, max_age_seconds=1)
    assert last(law=law).mode is APPROVE
    free = replace(law, limits=Limits())
    assert last(law=free, facts=NODE, released_at=NOW - timedelta(hours=1)).mode is ENFORCE
    assert last(law=free, received_at=NOW - timedelta(seconds=2)).mode is APPROVE


FITTING = InstanceFacts(image="ami-1", tags={"team": "red", "x": "y"}, scaling_group="web")


@pytest.mark.parametrize(
    ("criteria", "provisionally", "finally_"),
    [
        ({}, OBSERVE, OBSERVE),
        ({"account": ACCOUNT}, OBSERVE, OBSERVE),
        ({"account": "111122223333"}, ENFORCE, ENFORCE),
        ({"instance": INSTANCE}, OBSERVE, OBSERVE),
        ({"instance": "i-0000000000000000"}, ENFORCE, ENFORCE),
        ({"where": "Region == 'eu-west-1'"}, OBSERVE, OBSERVE),
        ({"where": "Region == 'us-east-1'"}, ENFORCE, ENFORCE),
        ({"image": "ami-1"}, ENFORCE, OBSERVE),
        ({"image": "ami-2"}, ENFORCE, ENFORCE),
        ({"scaling_group": "web"}, ENFORCE, OBSERVE),
        ({"scaling_group": "api"}, ENFORCE, ENFORCE),
        ({"image": "ami-1", "where": "Region == 'us-east-1'"}, ENFORCE, ENFORCE),
        ({"image": "ami-1", "account": "111122223333"}, ENFORCE, ENFORCE),
        ({"account": ACCOUNT, "tags": {"team": "red"}}, ENFORCE, APPROVE),
        ({"rules": ("tor",), "tags": {"team": "red"}}, ENFORCE, APPROVE),
        ({"account": ACCOUNT, "rules": ("tor",), "tags": {"team": "red"}}, ENFORCE, APPROVE),
        ({"where": "Region == 'eu-west-1'", "tags": {"team": "red"}}, ENFORCE, APPROVE),
        ({"account": ACCOUNT, "where": "Resources[?Tags.team == 'red']"}, APPROVE, APPROVE),
        ({"instance": INSTANCE, "tags": {"team": "red"}}, ENFORCE, OBSERVE),
        ({"image": "ami-1", "tags": {"team": "red"}}, ENFORCE, OBSERVE),
        ({"scaling_group": "web", "tags": {"team": "red"}}, ENFORCE, OBSERVE),
        ({"tags": {"team": "red"}}, ENFORCE, APPROVE),
        ({"tags": {"team": "blue"}}, ENFORCE, ENFORCE),
        ({"tags": {"team": "red", "more": "x"}}, ENFORCE, ENFORCE),
        ({"where": "Resources[?Tags.team == 'red']"}, APPROVE, APPROVE),
        ({"tags": {"team": "red"}, "where": "Resources[?Tags.team == 'red']"}, ENFORCE, APPROVE),
        ({"rules": ("tor",)}, OBSERVE, OBSERVE),
        ({"rules": ("other",)}, ENFORCE, ENFORCE),
        ({"until": NOW}, ENFORCE, ENFORCE),
        ({"until": NOW, "image": "ami-1"}, ENFORCE, ENFORCE),
        ({"until": NOW + timedelta(microseconds=1)}, OBSERVE, OBSERVE),
    ],
)
def test_exceptions(criteria: dict[str, Any], provisionally: Mode, finally_: Mode) -> None:
    law = policy(exceptions=(exception(**criteria),))
    assert first(law=law).mode is provisionally
    decided = last(law=law, facts=FITTING)
    assert decided.mode is finally_
    assert len(decided.reasons) == (finally_ is not ENFORCE)


def test_exceptions_only_lower_and_a_tag_leaves_approval_alone() -> None:
    assert last(law=policy(rule(OBSERVE), exceptions=(exception(APPROVE),))).mode is OBSERVE
    tagged = exception(OFF, tags={"team": "red"})
    assert last(law=policy(rule(APPROVE), exceptions=(tagged,)), facts=FITTING).mode is APPROVE


@pytest.mark.parametrize("mode", [OFF, OBSERVE])
@pytest.mark.parametrize("narrowed", [{}, {"account": ACCOUNT}, {"rules": ("tor",)}], ids=["tag", "account", "rule"])
def test_whoever_can_tag_brings_nothing_below_approval(mode: Mode, narrowed: dict[str, Any]) -> None:
    tagged = exception(mode, tags={"team": "red"}, **narrowed)
    assert last(law=policy(exceptions=(tagged,)), facts=FITTING).mode is APPROVE


def test_an_exception_names_itself_its_reason_and_its_line() -> None:
    (reason,) = last(law=policy(exceptions=(exception(),))).reasons
    assert (
        reason
        == "enforce is lowered to observe: exception 'test' until 2026-07-01T12:00:00+00:00 (config/a.yaml:9): a test"
    )


def test_an_exception_that_fails_does_nothing_and_says_so() -> None:
    decided = last(law=policy(exceptions=(exception(where="contains(Nothing, 'x')"),)))
    assert decided.mode is ENFORCE
    assert decided.reasons[0].startswith("exception 'test' does not apply: its where failed (")


def test_an_exception_of_one_rule_leaves_the_other_in_force() -> None:
    law = policy(rule(ENFORCE, name="a"), rule(APPROVE, name="b"), exceptions=(exception(OFF, rules=("a",)),))
    assert (last(law=law).mode, last(law=law).rule) == (APPROVE, "b")


def test_an_exception_that_ended_between_the_halves_still_holds_for_this_finding() -> None:
    law = policy(exceptions=(exception(until=NOW + timedelta(seconds=1)),))
    decided = final(first(law=law), TARGET, law, FACTS, Usage(), NOW + timedelta(minutes=1))
    assert decided.mode is OBSERVE


def test_a_rule_that_is_gone_no_longer_counts_and_a_lower_mode_holds() -> None:
    stored = first()
    gone = final(stored, TARGET, policy(rule(name="other")), FACTS, Usage(), NOW)
    assert (gone.mode, gone.rule, gone.reasons) == (OFF, None, ("rule 'tor' is no longer in force",))
    assert final(stored, TARGET, policy(rule(APPROVE)), FACTS, Usage(), NOW).mode is APPROVE


def test_strictest() -> None:
    low, high, same = first(law=policy(rule(OBSERVE))), first(), first(finding(id="second"))
    assert strictest([low, high, same]) is high
    assert strictest([low]) is low
    with pytest.raises(ValueError, match="empty"):
        strictest([])


modes = st.sampled_from(Mode)
words = st.sampled_from([TOR, SSH, "*", "*:EC2/*", "AttackSequence:EC2/CompromisedInstanceGroup", "", "x" * 300])
wheres = st.sampled_from([None, "Region == 'eu-west-1'", "contains(Nothing, 'x')", "Resources[?Tags.team]", "((", ""])
names = st.sampled_from(["a", "b", "c"])
times = st.integers(-3000, 3000).map(lambda days: NOW + timedelta(days=days))
rules = st.builds(
    lambda name, mode, types, where, severity: replace(
        rule(mode, *types, name=name, where=where),
        match=replace(rule(mode, *types).match, where=where, severity=severity),
    ),
    names,
    modes,
    st.lists(words, min_size=1, max_size=3),
    wheres,
    st.sampled_from(Label),
)
exceptions = st.builds(
    lambda name, mode, until, where, tags, image, to: exception(
        mode, id=name, until=until, where=where, tags=tags, image=image, rules=tuple(to)
    ),
    names,
    modes,
    times,
    wheres,
    st.dictionaries(names, names, max_size=1),
    st.none() | st.just(FACTS.image),
    st.lists(names, max_size=1),
)
policies = st.builds(
    Policy,
    rules=st.lists(rules, max_size=4, unique_by=lambda each: each.id).map(tuple),
    exceptions=st.lists(exceptions, max_size=3, unique_by=lambda each: each.id).map(tuple),
    limits=st.builds(Limits, *[st.integers(0, 3)] * 3),
    max_age_seconds=st.integers(0, 100_000),
    eks_nodes=modes,
    after_release=modes,
)
findings = st.builds(
    finding,
    types=st.lists(words, max_size=3).map(tuple),
    severity=st.builds(Severity, st.sampled_from(Label)),
    sample=st.booleans(),
    closed=st.booleans(),
    direction=st.sampled_from(Direction),
    workflow=st.sampled_from(Workflow),
    targets=st.lists(st.just(TARGET), max_size=5).map(tuple),
    last_seen_at=st.none() | times,
    updated_at=st.none() | times,
    document=st.dictionaries(
        st.sampled_from(["Region", "Resources", "Types"]),
        st.none() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    ),
)
facts_ = st.builds(
    InstanceFacts,
    image=st.none() | st.just(FACTS.image),
    tags=st.dictionaries(names | st.just("eks:cluster-name"), names, max_size=3),
    scaling_group=st.none() | names,
)


circumstances = st.fixed_dictionaries(
    {"ceiling": modes, "received_at": times, "switched_off": st.lists(names, max_size=2).map(tuple)}
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # a busy machine, not a wrong decision
@given(
    findings, policies, circumstances, facts_, st.builds(Usage, st.integers(0, 5), st.integers(0, 5)), st.none() | times
)
def test_never_raises_never_above(
    found: Finding,
    law: Policy,
    around: dict[str, Any],
    facts: InstanceFacts,
    usage: Usage,
    released: datetime | None,
) -> None:
    early = first(found, law, **around)
    stored = read_unseen(unseen_text(Unseen(early, (), ""))).provisional
    assert stored == early
    late = final(stored, TARGET, law, facts, usage, NOW, released_at=released)
    own = {each.id: each.mode for each in law.rules}
    for decided in (early, late):
        assert decided.mode.rank <= around["ceiling"].rank
        assert decided.mode.rank <= (own[decided.rule].rank if decided.rule else 0)
        assert decided.mode.rank <= (OBSERVE.rank if found.sample or around["switched_off"] else ENFORCE.rank)
        assert not (found.closed and decided.mode is not OFF)
        assert decided.mode is not ENFORCE or found.workflow in {Workflow.NEW, Workflow.NOTIFIED}
        assert decided.rule is None or decided.reasons or decided.mode is own[decided.rule]
    assert late.mode.rank <= early.mode.rank
