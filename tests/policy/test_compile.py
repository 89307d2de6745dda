# SPDX-License-Identifier: Apache-2.0
"""From files to a bundle, or to everything that is wrong with them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from functions.finding.types import known
from functions.policy.match import fits
from functions.policy.model import Mode
from hub.policy.compile import compile_config
from hub.policy.errors import PolicyErrors
from tests.policy.made import ACCOUNT, configuration

HERE = Path(__file__).parent
SMALL = HERE / "small" / "config"
SHIPPED = HERE.parents[1] / "config"

TOR = "rules: {tor: {match: {types: [UnauthorizedAccess:EC2/TorClient]}}}\n"
ORG = "version: 1\n" + TOR
ACCOUNT_FILE = 'version: 1\naccount: "444455556666"\n'
PROD = "version: 1\nou: /Workloads/Prod\n"


def errors_of(directory: Path, files: dict[str, str]) -> list[str]:
    root = configuration(directory, files)
    with pytest.raises(PolicyErrors) as caught:
        compile_config(root)
    return [str(error).removeprefix(f"{directory}/config/") for error in caught.value.errors]


ONE_FILE = [
    ("version: 2\n", ["1:10: version: 2 is none of 1"]),
    ("mode: observe\n", ["1:1: version: is missing"]),
    (
        "version: 1\nou: /X\n",
        [
            "2:1: ou: is not known here; known are after_release, appliances, bounds, eks_nodes, exceptions, last_healthy_target, limits, max_age, mode, rules, steps, version"
        ],
    ),
    ("version: 1\nmod: observe\n", ["2:1: mod: is not known here; did you mean 'mode'?"]),
    (
        "version: 1\nmode: enforced\n",
        ["2:7: mode: 'enforced' is none of off, observe, approve, enforce; did you mean 'enforce'?"],
    ),
    (
        "version: 1\nrules:\n  Tor: {}\n",
        ["3:3: rules.Tor: 'Tor' is not a name of lower-case letters, digits and dashes"],
    ),
    ("version: 1\nrules: [tor]\n", ["2:8: rules: must be a map, not a list"]),
    (ORG + "steps: {isolat: {}}\n", ["3:9: steps.isolat: is not known here; did you mean 'isolate'?"]),
    (ORG + "steps: {protect: yes}\n", ["3:18: steps.protect: must be a map, not text"]),
    (
        ORG + "steps: {protect: {enabled: yes}}\n",
        ["3:28: steps.protect.enabled: must be true or false, not text; did you mean 'true'?"],
    ),
    (
        ORG + "steps: {isolate: {access: {ports: [0, ssh], cidrs: [198.51.100.7/24, 198.51.100.7, 0.0.0.0/0, x]}}}\n",
        [
            "3:36: steps.isolate.access.ports[0]: 0 should be greater than or equal to 1",
            "3:39: steps.isolate.access.ports[1]: must be a whole number, not text",
            "3:53: steps.isolate.access.cidrs[0]: '198.51.100.7/24' has bits set beyond its prefix; did you mean '198.51.100.0/24'?",
            "3:70: steps.isolate.access.cidrs[1]: '198.51.100.7' has no prefix length; did you mean '198.51.100.7/32'?",
            "3:84: steps.isolate.access.cidrs[2]: '0.0.0.0/0' would open an isolated host to the internet: name a smaller range",
            "3:95: steps.isolate.access.cidrs[3]: 'x' is not an address range such as 198.51.100.0/24",
        ],
    ),
    (
        "version: 1\nrules:\n  tor:\n    match:\n      types:\n        - UnauthorizedAccess:EC2/TorCleint\n        - Backdor:EC2/*\n",
        [
            "6:11: rules.tor.match.types[0]: 'UnauthorizedAccess:EC2/TorCleint' is no GuardDuty finding type; did you mean 'UnauthorizedAccess:EC2/TorClient'?",
            "7:11: rules.tor.match.types[1]: no GuardDuty finding type fits 'Backdor:EC2/*'; did you mean 'Backdoor:EC2/*'?",
        ],
    ),
    (
        "version: 1\nrules: {tor: {match: {types: ['*'], where: \"Sevrity.Label == 'HIGH'\"}}}\n",
        ["2:44: rules.tor.match.where: 'Sevrity' is not a field of AwsSecurityFinding; did you mean 'Severity'?"],
    ),
    ("version: 1\nrules: {tor: {mode: off}}\n", ["2:9: rules.tor: no layer says which types it matches (match.types)"]),
    (
        ORG
        + "exceptions:\n  x: {mode: enforce}\n  y: {until: 2027-02-30, reason: ' ', instance: i-x, account: 4444}\n",
        [
            "4:13: exceptions.x.mode: 'enforce' is none of off, observe, approve",
            "5:14: exceptions.y.until: '2027-02-30' is not a date such as 2027-01-31 or a time such as 2027-01-31T18:00:00Z",
            "5:34: exceptions.y.reason: is empty: give a reason, for the people who see the exception during an incident",
            "5:49: exceptions.y.instance: 'i-x' is not an instance id (i-...)",
            "5:63: exceptions.y.account: must be text, not a number",
        ],
    ),
    (
        ORG + "exceptions:\n  x: {mode: off}\n  y: {reason: r, until: 2027-01-31, rules: [tro]}\n",
        [
            "4:3: exceptions.x: needs a 'reason': an exception needs a reason and an end",
            "4:3: exceptions.x: needs a 'until': an exception needs a reason and an end",
            "5:37: exceptions.y.rules: there is no rule 'tro' here; did you mean 'tor'?",
        ],
    ),
    (
        ORG + "exceptions: {x: {reason: r, until: 2027-01-31T10:00:00}}\n",
        ["3:36: exceptions.x.until: '2027-01-31T10:00:00' has no time zone; did you mean '2027-01-31T10:00:00Z'?"],
    ),
    (
        ORG + "limits: {containments_per_account_hour: -1}\n",
        ["3:41: limits.containments_per_account_hour: -1 should be greater than or equal to 0"],
    ),
    (
        "version: 1\nrules: {tor: {match: {types: []}}}\nexceptions: {x: {reason: r, until: 2027-01-31, tags: {}, rules: []}}\n",
        [
            "2:23: rules.tor.match.types: is empty: leave it out, or say which",
            "3:48: exceptions.x.tags: is empty: leave it out, or say which",
            "3:58: exceptions.x.rules: is empty: leave it out, or say which",
        ],
    ),
    (ORG + "max_age: 15d\n", ["3:10: max_age: '15d' is more than the 14 days for which the queue keeps an event"]),
    (ORG + "max_age: 6 hours\n", ["3:10: max_age: '6 hours' is not a time span such as 90s, 30m, 6h or 2d"]),
    (ORG + "eks_nodes: observe\n", ["3:12: eks_nodes: 'observe' is none of approve, enforce"]),
    (
        ORG + "bounds: {rules: {tro: {min: observe}}}\n",
        ["3:18: bounds.rules.tro: there is no rule 'tro'; did you mean 'tor'?"],
    ),
    (
        ORG + "bounds: {mode: {min: approve, max: observe}}\n",
        [
            "3:17: bounds.mode.min: the mode 'observe' set at built-in is below this bound",
            "3:31: bounds.mode.max: 'observe' is below the minimum 'approve' set at config/organization.yaml:3",
        ],
    ),
]


@pytest.mark.parametrize(("text", "errors"), ONE_FILE)
def test_what_is_wrong_with_one_file(tmp_path: Path, text: str, errors: list[str]) -> None:
    assert errors_of(tmp_path, {"organization.yaml": text}) == [f"organization.yaml:{error}" for error in errors]


SEVERAL_FILES = [
    ({}, ["organization.yaml:1:1: can't be read (No such file or directory)"]),
    (
        {"organization.yaml": ORG, "organisation.yaml": ORG},
        ["organisation.yaml:1:1: is not read: no layer has this name; did you mean 'organization.yaml'?"],
    ),
    ({"organization.yaml": ORG, "ous/a.yml": PROD}, ["ous/a.yml:1:1: is not read: name it .yaml"]),
    ({"organization.yaml": ORG, "ous/a.yaml": "version: 1\n"}, ["ous/a.yaml:1:1: ou: is missing"]),
    (
        {"organization.yaml": ORG, "ous/a.yaml": "version: 1\nou: Workloads/\n"},
        ["ous/a.yaml:2:5: ou: 'Workloads/' is not the path of an OU, such as /Workloads/Prod"],
    ),
    (
        {"organization.yaml": ORG, "ous/a.yaml": PROD, "ous/x/b.yaml": PROD},
        ["ous/x/b.yaml:2:5: ou: '/Workloads/Prod' has a file already, config/ous/a.yaml:2"],
    ),
    (
        {"organization.yaml": ORG, "accounts/a.yaml": "version: 1\naccount: '44445555666'\n"},
        ["accounts/a.yaml:2:10: account: '44445555666' is not an account id: 12 digits, this has 11"],
    ),
    (
        {"organization.yaml": ORG, "accounts/a.yaml": "version: 1\naccount: 444455556667\n"},
        [
            "accounts/a.yaml:2:10: account: '444455556667' is no account of organization.lock.json; did you mean '444455556666'?"
        ],
    ),
    (
        {"organization.yaml": ORG, "accounts/a.yaml": ACCOUNT_FILE + "rules: {tro: {mode: off}}\n"},
        ["accounts/a.yaml:3:9: rules.tro: no layer says which types it matches (match.types); did you mean 'tor'?"],
    ),
    (
        {
            "organization.yaml": ORG + "bounds: {mode: {min: observe, max: approve}}\n",
            "ous/a.yaml": PROD + "mode: enforce\n",
            "accounts/a.yaml": ACCOUNT_FILE + "rules: {tor: {mode: off}}\n",
        },
        [
            "accounts/a.yaml:3:15: rules.tor.mode: 'off' is below the minimum 'observe' set at config/organization.yaml:3",
            "ous/a.yaml:3:1: mode: 'enforce' is above the maximum 'approve' set at config/organization.yaml:3",
        ],
    ),
    (
        {
            "organization.yaml": ORG + "bounds: {rules: {tor: {max: approve}}}\n",
            "accounts/a.yaml": ACCOUNT_FILE + "mode: enforce\n",
        },
        [
            "accounts/a.yaml:3:1: mode: 'enforce' of rule 'tor' is above the maximum 'approve' set at config/organization.yaml:3"
        ],
    ),
    (
        {
            "organization.yaml": ORG + "bounds: {mode: {max: approve}}\n",
            "ous/a.yaml": PROD + "bounds: {mode: {max: enforce}}\n",
        },
        [
            "ous/a.yaml:3:17: bounds.mode.max: 'enforce' is above the maximum 'approve' set at config/organization.yaml:3"
        ],
    ),
    (
        {"organization.yaml": ORG + "mode: observe\n", "ous/a.yaml": PROD + "bounds: {mode: {min: approve}}\n"},
        ["ous/a.yaml:3:17: bounds.mode.min: the mode 'observe' set at config/organization.yaml:3 is below this bound"],
    ),
    (
        {
            "organization.yaml": ORG + "bounds: {mode: {min: observe}}\n",
            "accounts/a.yaml": ACCOUNT_FILE + "exceptions: {x: {reason: r, until: 2027-01-31, mode: off}}\n",
        },
        [
            "accounts/a.yaml:3:48: exceptions.x.mode: 'off' is below the minimum 'observe' set at config/organization.yaml:3"
        ],
    ),
    (
        {"organization.yaml": "version: 1\nmode: on\n", "ous/a.yaml": PROD + "a: 1\na: 2\n", "accounts/a.yaml": "- x"},
        [
            "accounts/a.yaml:1:1: must be a map of keys and values at the top, not a list",
            "organization.yaml:2:7: mode: 'on' is none of off, observe, approve, enforce",
            "ous/a.yaml:4:1: a: the key is there twice, first at line 3",
        ],
    ),
    (
        {
            "organization.yaml": ORG + "bounds: {mode: {max: approve}}\n",
            "ous/a.yaml": PROD + "mode: enforce\n",
            "accounts/a.yaml": "version: 3\n",
        },
        [
            "accounts/a.yaml:1:1: account: is missing",
            "accounts/a.yaml:1:10: version: 3 is none of 1",
            "ous/a.yaml:3:1: mode: 'enforce' is above the maximum 'approve' set at config/organization.yaml:3",
        ],
    ),
]


@pytest.mark.parametrize(("files", "errors"), SEVERAL_FILES)
def test_what_is_wrong_between_files(tmp_path: Path, files: dict[str, str], errors: list[str]) -> None:
    assert errors_of(tmp_path, files) == errors


@pytest.mark.parametrize(
    ("lock", "error"),
    [
        ("{", "1:2: is not YAML: while parsing a flow node: expected the node content, but found '<stream end>'"),
        (
            '{"organization": "x", "hub": "111111111111", "accounts": {}}',
            "1:18: organization: 'x' is not an organisation id (o-...)",
        ),
        (
            '{"organization": "o-exampleorgid", "hub": "111111111111", "accounts": {"1": {"name": "x", "ou": "/"}}}',
            "1:72: accounts.1: '1' is not an account id: 12 digits, this has 1",
        ),
        (
            '{"organization": "o-exampleorgid", "hub": "111111111111", "accounts": {"444455556666": {"name": "x"}}}',
            "1:88: accounts.444455556666.ou: is missing",
        ),
    ],
)
def test_what_is_wrong_with_the_lock(tmp_path: Path, lock: str, error: str) -> None:
    root = configuration(tmp_path, {"organization.yaml": ORG})
    (root / "organization.lock.json").write_text(lock, encoding="utf-8")
    with pytest.raises(PolicyErrors) as caught:
        compile_config(root)
    assert [str(each) for each in caught.value.errors] == [f"{root}/organization.lock.json:{error}"]


def test_an_ou_without_accounts_is_a_warning(tmp_path: Path) -> None:
    files = {
        "organization.yaml": ORG,
        "ous/a.yaml": "version: 1\nou: /Workload/Prod\n",
        "ous/b.yaml": "version: 1\nou: /Workloads\n",
    }
    (warning,) = compile_config(configuration(tmp_path, files)).warnings
    assert str(warning).endswith(
        "a.yaml:2:5: ou: no account of organization.lock.json is in this OU; did you mean '/Workloads/Prod'?"
    )


def test_an_exception_for_a_strange_account_is_a_warning(tmp_path: Path) -> None:
    text = ORG + 'exceptions: {x: {reason: r, until: 2027-01-31, account: "444455556665"}}\n'
    (warning,) = compile_config(configuration(tmp_path, {"organization.yaml": text})).warnings
    told = "3:57: exceptions.x.account: '444455556665' is no account of organization.lock.json; did you mean '444455556666'?"
    assert str(warning).endswith(f"organization.yaml:{told}")


def test_golden_bundle(update_golden: bool) -> None:
    compiled = compile_config(SMALL)
    golden = HERE / "small" / "bundle.json"
    if update_golden:
        golden.write_text(json.dumps(json.loads(compiled.data), indent=1) + "\n", encoding="utf-8")
    assert json.loads(compiled.data) == json.loads(golden.read_text(encoding="utf-8"))


def test_the_same_files_give_the_same_bytes_wherever_they_are(tmp_path: Path) -> None:
    shutil.copytree(SMALL, tmp_path / "elsewhere" / "config")
    assert compile_config(tmp_path / "elsewhere" / "config").data == compile_config(SMALL).data


def test_layers_of_the_small_configuration() -> None:
    bundle = compile_config(SMALL).bundle
    mining, tor = bundle.policy_for(ACCOUNT, "/Workloads/Prod").rules
    assert (mining.mode, mining.origin) == (Mode.ENFORCE, "config/accounts/payments.yaml:4")
    access = {"cidrs": ["198.51.100.0/24"], "ports": [3389], "prefix_lists": [], "security_groups": [], "ssm": []}
    others: dict[str, object] = {name: {} for name in ("protect", "tags", "scaling", "capture", "role_denial")}
    assert mining.steps == {"isolate": {"access": access}, "snapshot": {}, **others}
    assert set(tor.steps) == {"isolate", *others}
    assert (tor.mode, tor.origin) == (Mode.APPROVE, "config/ous/prod.yaml:4")
    elsewhere = bundle.policy_for(ACCOUNT, "/").rules[1]
    assert (elsewhere.mode, elsewhere.origin) == (Mode.OBSERVE, "built-in")
    limits = [bundle.policy_for(ACCOUNT, ou).limits.per_account_hour for ou in ("/", "/Workloads/Prod/Deep")]
    assert limits == [10, 3]
    (exempt,) = bundle.policy_for(ACCOUNT, "/").exceptions
    assert (exempt.until.isoformat(), exempt.origin) == ("2027-02-01T00:00:00+00:00", "config/accounts/payments.yaml:6")
    assert bundle.policy_for("555566667777", "/Workloads/Dev").exceptions == ()


def test_a_moved_account_is_clamped_into_the_bounds_of_where_it_is(tmp_path: Path) -> None:
    files = {
        "organization.yaml": ORG,
        "ous/a.yaml": "version: 1\nou: /Sandbox\nbounds: {mode: {max: observe}}\n",
        "accounts/a.yaml": ACCOUNT_FILE + "mode: enforce\n",
    }
    bundle = compile_config(configuration(tmp_path, files)).bundle
    (moved,), (home,) = (bundle.policy_for(ACCOUNT, ou).rules for ou in ("/Sandbox/Deep", "/Workloads/Prod"))
    assert (moved.mode, moved.origin) == (Mode.OBSERVE, "config/ous/a.yaml:3")
    assert (home.mode, home.origin) == (Mode.ENFORCE, "config/accounts/a.yaml:3")


def test_a_rule_of_an_ou_goes_when_the_account_leaves(tmp_path: Path) -> None:
    files = {
        "organization.yaml": "version: 1\n",
        "ous/a.yaml": PROD + TOR,
        "accounts/a.yaml": ACCOUNT_FILE + "rules: {tor: {mode: enforce}}\n",
    }
    bundle = compile_config(configuration(tmp_path, files)).bundle
    assert [len(bundle.policy_for(ACCOUNT, ou).rules) for ou in ("/Workloads/Prod", "/Elsewhere")] == [1, 0]


PLAYBOOK = [
    "UnauthorizedAccess:EC2/TorClient",
    "Backdoor:EC2/C&CActivity.B!DNS",
    "Trojan:EC2/DNSDataExfiltration",
    "CryptoCurrency:EC2/BitcoinTool.B",
    "CryptoCurrency:EC2/BitcoinTool.B!DNS",
]


@pytest.mark.parametrize("ou", ["/", "/Workloads/Prod", "/Sandbox", "/Workloads/Prod/Deep"])
def test_the_shipped_account_enforces_wherever_it_is(ou: str) -> None:
    rules = compile_config(SHIPPED).bundle.policy_for(ACCOUNT, ou).rules
    assert {rule.id for rule in rules if rule.mode is not Mode.ENFORCE} == {"everything-else"}


def test_the_shipped_policy() -> None:
    compiled = compile_config(SHIPPED)
    assert compiled.warnings == ()
    bundle = compiled.bundle
    assert {rule.mode for rule in bundle.policy_for("666677778888", "/Workloads/Dev").rules} == {Mode.OBSERVE}
    approving = {
        rule.id for rule in bundle.policy_for("555566667777", "/Workloads/Prod").rules if rule.mode is Mode.APPROVE
    }
    rules = bundle.policy_for("555566667777", "/Workloads/Prod").rules
    assert approving == {rule.id for rule in rules} - {"everything-else"}
    for name in PLAYBOOK:
        assert any(name in rule.match.types for rule in rules), name
    access = {"ports": [22, 3389], "cidrs": ["198.51.100.0/24"], "security_groups": [], "prefix_lists": [], "ssm": []}
    assert all(rule.steps["isolate"]["access"] == access for rule in rules)


def test_no_shipped_rule_names_a_type_exactly_that_a_stranger_can_cause() -> None:
    strangers = [name for name in known() if "BruteForce" in name or "PortProbe" in name or "MaliciousIPCaller" in name]
    rules = compile_config(SHIPPED).bundle.policy_for(ACCOUNT, "/").rules
    assert strangers
    for name in strangers:
        assert all(name not in rule.match.types for rule in rules)
        assert any(fits(pattern, name) for rule in rules for pattern in rule.match.types)
