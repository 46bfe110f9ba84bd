"""Sealing whole projects and inspections: exact both ways, and nothing secret on the disk."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stores.clocks import NOON, ManualClock
from tabib.model.codec import decode, encode
from tabib.model.project import Dependency, FileObject, Network, Project, Service, Volume
from tabib.model.release import JournalEntry, LastSeen, Release
from tabib.stores.journal import SqliteJournal
from tabib.stores.seal import open_inspection, open_project, seal_inspection, seal_project
from tabib.stores.vault import SqliteVault, open_vault


class MapVault:
    """A vault in memory, for generated documents: the contract of the port and nothing else."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def seal(self, values: Any) -> list[str]:
        for value in values:
            self.values[f"vault:{len(value)}:{value.encode().hex()}"] = value
        return [f"vault:{len(value)}:{value.encode().hex()}" for value in values]

    async def open(self, references: Any) -> list[str]:
        return [self.values[reference] for reference in references]


TEXT = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["vault:", "vault:x", "password=geheim", "A=vault:1", "s3cr3t-value", "=", ""]),
)
KEYS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["environment", "labels", "args", "x-a", "content", "options", "API_TOKEN"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
SPEC = st.fixed_dictionaries(
    {"environment": st.dictionaries(TEXT, TEXT | st.none(), max_size=4)},
    optional={
        "labels": st.dictionaries(TEXT, TEXT, max_size=3),
        "build": st.fixed_dictionaries({"args": st.dictionaries(TEXT, TEXT | st.none())}),
        "command": st.lists(TEXT, max_size=3) | st.none(),
        "anything": JSON,
    },
)
SERVICE = st.builds(
    Service,
    name=TEXT,
    spec=SPEC,
    config_hash=TEXT,
    image=TEXT,
    depends_on=st.lists(st.builds(Dependency, service=TEXT), max_size=2).map(tuple),
    extension=st.dictionaries(KEYS, JSON, max_size=2),
)
OBJECT = st.builds(
    FileObject, key=TEXT, name=TEXT, content=TEXT | st.none(), spec=st.dictionaries(KEYS, JSON)
)
PROJECT = st.builds(
    Project,
    name=TEXT,
    working_dir=TEXT,
    services=st.dictionaries(KEYS, SERVICE, max_size=3),
    disabled=st.dictionaries(KEYS, SERVICE, max_size=1),
    networks=st.dictionaries(
        KEYS, st.builds(Network, key=TEXT, name=TEXT, spec=st.dictionaries(KEYS, JSON)), max_size=2
    ),
    secrets=st.dictionaries(KEYS, OBJECT, max_size=2),
    configs=st.dictionaries(KEYS, OBJECT, max_size=2),
    extensions=st.dictionaries(KEYS, JSON, max_size=2),
)
INSPECTION = st.fixed_dictionaries(
    {
        "Config": st.fixed_dictionaries(
            {
                "Env": st.lists(TEXT | st.builds("{}={}".format, KEYS, TEXT)) | st.none(),
                "Labels": st.dictionaries(KEYS, TEXT),
                "Cmd": st.lists(TEXT) | st.none(),
            }
        ),
        "Args": st.lists(TEXT),
        "anything": JSON,
    }
)
RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@RELAXED
@given(PROJECT)
def test_a_project_comes_back_exactly(project: Project) -> None:
    async def both_ways() -> Project:
        vault = MapVault()
        sealed = await seal_project(project, vault)
        # Through JSON, as the journal keeps it.
        return await open_project(decode(encode(sealed), dict), vault)

    assert asyncio.run(both_ways()) == project


@RELAXED
@given(PROJECT)
def test_environment_and_contents_are_always_sealed(project: Project) -> None:
    sealed = asyncio.run(seal_project(project, MapVault()))
    for service in [*sealed["services"].values(), *sealed["disabled"].values()]:
        values = [
            *service["spec"]["environment"].values(),
            *(service["spec"].get("build") or {"args": {}})["args"].values(),
            *(service["spec"].get("command") or ()),
        ]
        assert all(value is None or value.startswith("vault:") for value in values)
    for one in [*sealed["secrets"].values(), *sealed["configs"].values()]:
        assert one["content"] is None or one["content"].startswith("vault:")


@RELAXED
@given(INSPECTION)
def test_an_inspection_comes_back_exactly(inspection: dict[str, Any]) -> None:
    async def both_ways() -> Any:
        vault = MapVault()
        sealed = await seal_inspection(inspection, vault)
        return await open_inspection(json.loads(encode(sealed)), vault)

    assert asyncio.run(both_ways()) == inspection


async def test_what_must_stay_readable_does(vault: SqliteVault) -> None:
    inspection = {
        "Id": "c1",
        "Name": "/shop-db-1",
        "Config": {
            "Env": ["POSTGRES_PASSWORD=shop", "PGDATA=/data", "EMPTY="],
            "Labels": {"com.docker.compose.project": "shop", "auth.token": "abc", "team": "shop!"},
            "Healthcheck": {"Test": ["CMD-SHELL", "pg_isready"]},
        },
        "Mounts": [{"Type": "volume", "Name": "shop_db", "Destination": "/data"}],
        "State": {"Health": {"Log": [{"Output": "ok"}, {"Output": "shop: no password=shop"}]}},
    }
    sealed = await seal_inspection(inspection, vault)
    assert sealed["Mounts"] == inspection["Mounts"]
    assert sealed["Name"] == "/shop-db-1"
    assert [entry.partition("=vault:")[0] for entry in sealed["Config"]["Env"]] == [
        "POSTGRES_PASSWORD",
        "PGDATA",
        "EMPTY",
    ]
    assert sealed["Config"]["Labels"]["com.docker.compose.project"] == "shop"
    assert sealed["Config"]["Labels"]["auth.token"].startswith("vault:")
    assert sealed["Config"]["Labels"]["team"].startswith("vault:")
    assert sealed["Config"]["Healthcheck"] == inspection["Config"]["Healthcheck"]
    first, second = sealed["State"]["Health"]["Log"]
    assert first["Output"] == "ok"
    assert second["Output"].startswith("vault:")
    assert await open_inspection(sealed, vault) == inspection


async def test_a_service_named_like_a_field_stays_readable(vault: SqliteVault) -> None:
    service = Service(name="environment", spec={"image": "x"}, config_hash="0", image="x")
    sealed = await seal_project(
        Project(name="p", working_dir="/p", services={"environment": service}), vault
    )
    assert sealed["services"]["environment"]["name"] == "environment"
    assert sealed["services"]["environment"]["spec"] == {"image": "x"}


def _canaries() -> tuple[Project, dict[str, Any], list[str]]:
    names = ("env", "arg", "command", "test", "secret", "config", "label", "option", "top", "url")
    canary = {name: f"canary-{name}-4711-sings" for name in names}
    spec = {
        "image": "shop",
        "environment": {"PLAIN": canary["env"], "EMPTY": None},
        "build": {"context": "/p", "args": {"A": canary["arg"]}},
        "command": ["serve", f"--key={canary['command']}"],
        "healthcheck": {"test": ["CMD", "check", canary["test"]]},
        "labels": {"api.token": canary["label"], "doc": f"uses {canary['secret']}"},
        "logging": {"driver": "x", "options": {"o": canary["option"]}},
        "develop": {"url": f"https://u:{canary['url']}@host/"},
    }
    project = Project(
        name="shop",
        working_dir="/p",
        services={"web": Service(name="web", spec=spec, config_hash="0")},
        disabled={"job": Service(name="job", spec=spec, config_hash="0")},
        volumes={"v": Volume(key="v", name="v", spec={"driver_opts": {"o": canary["option"]}})},
        secrets={"s": FileObject(key="s", name="s", content=canary["secret"])},
        configs={"c": FileObject(key="c", name="c", content=f"key = {canary['config']}\n")},
        extensions={"x-common": {"PASSWORD": canary["top"]}},
    )
    inspection = {
        "Id": "c1",
        "Args": [canary["command"]],
        "Config": {"Env": [f"API_SECRET={canary['env']}"], "Cmd": [canary["command"]]},
        "State": {"Health": {"Log": [{"Output": f"no such user: {canary['env']}"}]}},
    }
    return project, inspection, list(canary.values())


async def test_planted_secrets_are_nowhere_in_the_state_folder(
    tmp_path: Path, clock: ManualClock
) -> None:
    project, inspection, canaries = _canaries()
    journal, vault = await SqliteJournal.open(tmp_path, clock), await open_vault(tmp_path)
    release = Release(
        number=1,
        project="shop",
        engine_id="e",
        cluster="default",
        created_at=NOON,
        by="x",
        reason="up",
        config_hash="0",
        model=await seal_project(project, vault),
    )
    await journal.put_release(release)
    seen = LastSeen(
        engine_id="e",
        project="shop",
        container_id="c1",
        name="shop-web-1",
        service="web",
        slot=1,
        seen_at=NOON,
        running=True,
        inspection=await seal_inspection(inspection, vault),
    )
    await journal.put_last_seen(seen)
    await journal.append(JournalEntry(at=NOON, kind="note", data={"model": release.model}))

    def found() -> set[str]:
        content = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
        assert len(content) > 20_000
        assert b"PLAIN" in content
        return {one for one in canaries if one.encode() in content}

    assert (tmp_path / "journal.sqlite3-wal").stat().st_size > 0
    assert found() == set()
    (kept,) = await journal.releases("e", "shop")
    assert await open_project(kept.model, vault) == project
    (kept_seen,) = await journal.last_seen("e")
    assert await open_inspection(kept_seen.inspection, vault) == inspection
    await journal.close()
    await vault.close()
    assert found() == set()
