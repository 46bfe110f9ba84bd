"""What is created for a service: names, labels, mounts, networks, files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support import plans
from support.projects import after, project, service
from tabib.decide.desired import VolumePlace
from tabib.decide.mounts import anonymous_mounts
from tabib.decide.specs import (
    COMPOSE_VERSION,
    container_name,
    container_spec,
    network_spec,
    volume_spec,
)
from tabib.engines.memory import VirtualClock
from tabib.model import container as c
from tabib.model.container import (
    ContainerSpec,
    ContainerState,
    ImageState,
    InjectedFile,
    Mount,
    MountState,
)
from tabib.model.project import FileObject, Project, Service

IMAGE = ImageState(id="sha256:abc", volumes=("/var/store",))


def spec(whole: Project, name: str, **fields: Any) -> ContainerSpec:
    slot, image = fields.pop("slot", 1), fields.pop("image", IMAGE)
    return container_spec(plans.desired(whole), whole.services[name], slot, image, **fields)


def one(**fields: Any) -> Project:
    return project(service("a", **fields))


def test_names() -> None:
    whole = one()
    assert container_name(whole, whole.services["a"], 2) == "tale-a-2"
    named = service("a", container_name="own")
    assert container_name(whole, named, 1) == "own"


def test_labels_are_composes_and_ours() -> None:
    whole = replace(
        project(
            service("db"), service("a", depends_on=after("db"), labels={"own": "x", "n": None})
        ),
        environment_files=("/srv/tale/.env",),
    )
    labels = dict(spec(whole, "a", slot=3).labels)
    assert labels == {
        "own": "x",
        "n": "",
        c.LABEL_PROJECT: "tale",
        c.LABEL_SERVICE: "a",
        c.LABEL_NUMBER: "3",
        c.LABEL_ONEOFF: "False",
        c.LABEL_CONFIG_HASH: whole.services["a"].config_hash,
        c.LABEL_DEPENDS_ON: "db:service_started:false",
        c.LABEL_WORKING_DIR: "/srv/tale",
        c.LABEL_CONFIG_FILES: "/srv/tale/compose.yaml",
        c.LABEL_ENVIRONMENT_FILE: "/srv/tale/.env",
        c.LABEL_IMAGE: "sha256:abc",
        c.LABEL_VERSION: COMPOSE_VERSION,
        c.LABEL_RELEASE: "1",
        c.LABEL_OWNER: "here",
    }


def test_a_users_label_never_replaces_composes() -> None:
    whole = one(labels={c.LABEL_PROJECT: "stolen", c.LABEL_NUMBER: "9"})
    labels = spec(whole, "a").labels
    assert (labels[c.LABEL_PROJECT], labels[c.LABEL_NUMBER]) == ("tale", "1")


def test_networks_have_the_engines_names_and_all_aliases() -> None:
    whole = one(networks=["back", "default"])
    whole.services["a"].spec["networks"]["back"] = {"aliases": ["x", "a"], "ipv4_address": "10.1"}  # type: ignore[index]
    endpoints = spec(whole, "a").endpoints
    assert [(e.network, e.aliases) for e in endpoints] == [
        ("tale_back", ("tale-a-1", "a", "x")),
        ("tale_default", ("tale-a-1", "a")),
    ]
    assert endpoints[0].options["ipv4_address"] == "10.1"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("host", "host"),
        ("none", "none"),
        ("bridge", "bridge"),
        ("service:db", "container:tale-db-1"),
        ("container:x", "container:x"),
    ],
)
def test_network_modes(mode: str, expected: str) -> None:
    whole = project(service("db"), service("a", network_mode=mode))
    made = spec(whole, "a")
    assert (made.network_mode, made.endpoints) == (expected, ())


def test_without_any_network_there_is_none() -> None:
    assert spec(one(networks=()), "a").network_mode == "none"


def test_other_services_namespaces_and_volumes_are_resolved_to_containers() -> None:
    whole = project(
        service("db", container_name="own"),
        service("a", pid="service:db", ipc="service:db", volumes_from=["db:ro"]),
    )
    made = spec(whole, "a").service
    assert made["pid"] == made["ipc"] == "container:own"
    assert made["volumes_from"] == ["own:ro"]


def test_a_linked_container_with_a_name_of_its_own_answers_to_the_usual_ones() -> None:
    whole = project(
        service("db", container_name="own"), service("cache"), service("a", links=["db", "cache:c"])
    )
    links = spec(whole, "a").service["links"]
    assert links == ["own:db", "tale-cache-1:c", "own:db-1", "own:tale-db-1"]


def test_mounts_are_resolved_and_keep_their_options() -> None:
    whole = one(volumes={"/data": "data"})
    volumes = whole.services["a"].spec["volumes"]
    volumes[0] |= {"read_only": True, "volume": {"nocopy": True}}
    volumes.append({"type": "bind", "source": "/srv/x", "target": "/x", "bind": {"k": 1}})
    volumes.append({"type": "tmpfs", "target": "/t"})
    assert spec(whole, "a").mounts == (
        Mount(
            type="volume", source="tale_data", target="/data", read_only=True,
            options={"nocopy": True},
        ),
        Mount(type="bind", source="/srv/x", target="/x", options={"k": 1}),
        Mount(type="tmpfs", target="/t"),
    )  # fmt: skip


def old(**targets: str) -> ContainerState:
    mounts = tuple(
        MountState(type="volume", name=name, target=f"/{target.replace('_', '/')}")
        for target, name in targets.items()
    )
    return ContainerState(
        id="i" * 64, name="tale-a-1", status="running", image="x", image_id="y",
        created_at=VirtualClock().now(), mounts=mounts,
    )  # fmt: skip


def test_anonymous_volumes_of_file_and_image_are_inherited_and_nothing_else() -> None:
    whole = one(volumes={"/data": "data"}, anonymous=["/anon"])
    found = anonymous_mounts(
        whole,
        whole.services["a"],
        old(data="tale_data", anon="v1", var_store="v2", gone="v3"),
        IMAGE,
    )
    assert [(mount.source, mount.target) for mount in found] == [
        ("v1", "/anon"), ("v2", "/var/store"),
    ]  # fmt: skip


def test_what_the_file_mounts_there_now_wins_over_what_was_inherited() -> None:
    whole = one(volumes={"/var/store": "data"})
    made = spec(whole, "a", replaces=old(var_store="v2"))
    assert [(mount.source, mount.target) for mount in made.mounts] == [("tale_data", "/var/store")]


def with_secrets(**reference: Any) -> Project:
    whole = one(secrets=[{"source": "s", **reference}], configs=[{"source": "k"}])
    return replace(
        whole,
        secrets={"s": FileObject(key="s", name="tale_s", content="hush")},
        configs={"k": FileObject(key="k", name="tale_k", file="/srv/tale/k.conf")},
    )


def test_known_content_is_injected_and_files_are_bound() -> None:
    made = spec(with_secrets(), "a")
    assert made.files == (InjectedFile(path="/run/secrets/s", content="hush"),)
    assert made.mounts == (
        Mount(type="bind", source="/srv/tale/k.conf", target="/k", read_only=True),
    )


def test_an_injected_file_has_the_owner_and_mode_that_were_asked_for() -> None:
    made = spec(with_secrets(target="/etc/s", uid="103", gid="104", mode="0440"), "a")
    assert made.files == (
        InjectedFile(path="/etc/s", content="hush", uid=103, gid=104, mode=0o440),
    )


def test_networks_and_volumes_carry_composes_labels() -> None:
    whole = one(volumes={"/d": "data"})
    made = network_spec(whole, whole.networks["default"])
    assert made.labels[c.LABEL_NETWORK] == "default"
    assert made.labels[c.LABEL_CONFIG_HASH] == whole.networks["default"].config_hash
    plain = volume_spec(whole, whole.volumes["data"], None, "here")
    assert c.LABEL_OWNER not in plain.labels
    assert plain.directory == ""
    place = VolumePlace(id="abc", generation=3, directory="/s/g3")
    held = volume_spec(whole, whole.volumes["data"], place, "here")
    assert held.directory == "/s/g3"
    assert held.labels[c.LABEL_VOLUME_ID] == "abc"
    assert held.labels[c.LABEL_VOLUME_GENERATION] == "3"
    assert held.labels[c.LABEL_OWNER] == "here"


def test_specs_are_equal_for_equal_input() -> None:
    first: Service = service("a", volumes={"/d": "data"}, anonymous=["/x"])
    assert spec(project(first), "a") == spec(project(first), "a")
