# SPDX-License-Identifier: Apache-2.0
"""A lab from nothing: the process, the stacks synthesised and deployed in it, the policy in force, hosts to contain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from functions import names
from functions.policy.bundle import Bundle
from functions.policy.model import Mode
from functions.settings import Settings
from hub.deployment.read import read_settings
from hub.lab.assembly import read_assembly
from hub.lab.clients import LabClients
from hub.lab.deploy import Progress, deploy
from hub.lab.hosts import HostBuilder, LabHost
from hub.lab.organization import LabWorld
from hub.lab.process import DEFAULT_PORT, LabProcess
from hub.lab.synthesis import ASSEMBLY, Units, synthesise
from hub.policy.compile import compile_config
from hub.policy.lock import read_lock
from hub.policy.publish import publish

_ACCOUNTS_WITH_HOSTS = 4


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab that is up, with Cordon deployed. ``settings`` are those of the functions."""

    process: LabProcess
    clients: LabClients
    world: LabWorld
    settings: Settings
    bundle: Bundle
    hosts: tuple[LabHost, ...]

    @property
    def endpoint(self) -> str:
        """Where every client finds it."""
        return self.process.endpoint

    def strictest(self, account: str) -> Mode:
        """Return the strictest mode that the policy has for an account."""
        policy = self.bundle.policy_for(account, self.world.ours.members[account].ou)
        return max((rule.mode for rule in policy.rules), key=lambda mode: mode.rank)


@contextmanager
def up(config: Path, progress: Progress, port: int = DEFAULT_PORT) -> Iterator[Lab]:
    """Bring a lab up for as long as the block lasts.

    Raises PolicyErrors for settings or policy that are wrong, and LabError for everything else that is in the way.
    """
    settings = read_settings(config)
    compiled = compile_config(config)
    world = LabWorld.of(read_lock(config), settings)
    with TemporaryDirectory(prefix="cordon-lab-") as directory:
        there = Path(directory)
        with LabProcess.start(world, there / "lab.log", port) as process:
            progress(f"the lab listens on {process.endpoint}")
            clients = LabClients(process.endpoint)
            synthesise(config, _units(clients, world), there)
            stacks = read_assembly(there / ASSEMBLY)
            progress(f"{len(stacks)} stacks synthesised")
            deploy(clients, stacks, progress)
            deployed = functions_settings(clients, world.hub, world.home_region, world.qualifier)
            hub = (world.hub, world.home_region)
            publish(clients.root("s3", *hub), clients.root("dynamodb", *hub), deployed, compiled.data)
            progress(f"policy {compiled.bundle.digest[:12]} published")
            hosts = tuple(_host(clients, account, world.home_region) for account in _with_hosts(world))
            progress(f"{len(hosts)} hosts made")
            yield Lab(process, clients, world, deployed, compiled.bundle, hosts)


def functions_settings(clients: LabClients, hub: str, region: str, qualifier: str) -> Settings:
    """Return the settings of the intake function as it is deployed."""
    function = _function(clients, hub, region, names.function(qualifier, names.INTAKE))
    return Settings.from_env({**function["Environment"]["Variables"], "AWS_REGION": region})


def _function(clients: LabClients, account: str, region: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = clients.root("lambda", account, region).get_function_configuration(FunctionName=name)
    return found


def _units(clients: LabClients, world: LabWorld) -> Units:
    """Return the ids that the lab's organisation drew for its root and for the OUs of the rollout."""
    organizations = clients.root("organizations", world.ours.management, world.home_region)
    root = organizations.list_roots()["Roots"][0]["Id"]

    def unit(path: str) -> str:
        found = root
        for part in path.strip("/").split("/"):
            children = organizations.list_organizational_units_for_parent(ParentId=found)["OrganizationalUnits"]
            (found,) = [each["Id"] for each in children if each["Name"] == part]
        return str(found)

    canary, rest = world.rollout()
    return Units([unit(path) for path in canary], [unit(path) for path in rest], root)


def _with_hosts(world: LabWorld) -> list[str]:
    """Return accounts to put hosts in: not those at the root, which no stack set reaches, nor those beside the hub."""
    without = {"/", world.ours.members[world.hub].ou}
    found = [account for account, each in sorted(world.ours.members.items()) if each.ou not in without]
    return found[:_ACCOUNTS_WITH_HOSTS]


def _host(clients: LabClients, account: str, region: str) -> LabHost:
    builder = HostBuilder(clients, account, region)
    web, database = builder.group("web", 443), builder.group("database", 5432)
    return builder.host("lab-host", ((web,), (database, web)), volumes=2)
