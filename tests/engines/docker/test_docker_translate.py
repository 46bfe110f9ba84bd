"""Canonical values to API fields: what no comparison on this machine can reach."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.engines.docker.raw import creation_body
from tabib.engines.docker.states import container_state, parse_time
from tabib.engines.docker.translate.creation import creation
from tabib.engines.docker.translate.host import restart_policy
from tabib.engines.docker.translate.units import duration_ns
from tabib.model.container import ContainerSpec, Endpoint, Mount
from tabib.model.errors import ConfigError

OLD, NEW = (1, 41), (1, 51)


def spec(service: dict[str, Any] | None = None, **fields: Any) -> ContainerSpec:
    return ContainerSpec(
        **{
            "name": "shop-web-1",
            "project": "shop",
            "service_name": "web",
            "slot": 1,
            "image": "web",
            "service": service or {},
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1m30s", 90e9), ("500ms", 5e8), ("1h0m0.5s", 3600.5e9), ("20µs", 2e4), (None, 0), ("0s", 0)],
)
def test_durations(text: str | None, expected: float) -> None:
    assert duration_ns(text) == expected


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_durations_add_up(hours: int, minutes: int, seconds: int, millis: int) -> None:
    whole = ((hours * 60 + minutes) * 60 + seconds) * 1000 + millis
    assert duration_ns(f"{hours}h{minutes}m{seconds}s{millis}ms") == whole * 1_000_000


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({}, {}),
        ({"restart": "no"}, {"Name": "no"}),
        ({"restart": "always"}, {"Name": "always"}),
        ({"restart": "on-failure:3"}, {"Name": "on-failure", "MaximumRetryCount": 3}),
        ({"deploy": {"restart_policy": {}}}, {"Name": "always"}),
        ({"deploy": {"restart_policy": {"condition": "none"}}}, {"Name": "no"}),
        (
            {"deploy": {"restart_policy": {"condition": "any", "max_attempts": 3}}},
            {"Name": "always"},
        ),
        (
            {
                "restart": "always",
                "deploy": {"restart_policy": {"condition": "on-failure", "max_attempts": 2}},
            },
            {"Name": "on-failure", "MaximumRetryCount": 2},
        ),
    ],
)
def test_restart_policies(service: dict[str, Any], expected: dict[str, Any]) -> None:
    assert restart_policy(service) == expected


def test_a_newer_engine_takes_all_networks_at_once() -> None:
    endpoints = (Endpoint(network="a", aliases=("x",)), Endpoint(network="b"))
    service = {"mac_address": "02:42:ac:11:65:43"}
    old = creation(spec(service, endpoints=endpoints), OLD)
    new = creation(spec(service, endpoints=endpoints), NEW)
    assert set(old.body["NetworkingConfig"]["EndpointsConfig"]) == {"a"}
    assert [name for name, _ in old.connect] == ["b"]
    assert old.body["MacAddress"] == "02:42:ac:11:65:43"
    assert set(new.body["NetworkingConfig"]["EndpointsConfig"]) == {"a", "b"}
    assert new.connect == ()
    assert "MacAddress" not in new.body
    endpoint = new.body["NetworkingConfig"]["EndpointsConfig"]["a"]
    assert endpoint == {"Aliases": ["x"], "MacAddress": "02:42:ac:11:65:43"}


def test_what_an_old_engine_does_not_know_is_left_out() -> None:
    check = {"test": ["CMD", "true"], "start_interval": "1s"}
    service = {"healthcheck": check, "annotations": {"a": "b"}}
    old, new = creation(spec(service), OLD), creation(spec(service), NEW)
    assert old.body["Healthcheck"] == {"Test": ["CMD", "true"]}
    assert "Annotations" not in old.body["HostConfig"]
    assert new.body["Healthcheck"]["StartInterval"] == 1_000_000_000
    assert new.body["HostConfig"]["Annotations"] == {"a": "b"}


def test_devices_and_gpus() -> None:
    service = {
        "devices": [
            {"source": "/dev/a", "target": "/dev/b", "permissions": "r"},
            {"source": "vendor.com/gpu=0", "target": "vendor.com/gpu=0"},
        ],
        "gpus": [{"count": -1, "driver": "nvidia"}],
        "deploy": {
            "resources": {
                "reservations": {"devices": [{"capabilities": ["tpu"], "device_ids": ["1"]}]}
            }
        },
    }
    host = creation(spec(service), NEW).body["HostConfig"]
    assert [device["PathInContainer"] for device in host["Devices"]] == ["/dev/b"]
    assert host["DeviceRequests"] == [
        {"DeviceIDs": ["1"], "Capabilities": [["tpu"]]},
        {"Driver": "cdi", "DeviceIDs": ["vendor.com/gpu=0"]},
        {"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]},
    ]


def test_advanced_mounts() -> None:
    mounts = (
        Mount(type="volume", source="v", target="/v", options={"subpath": "a/b"}),
        Mount(type="image", source="box:1", target="/i", options={"subpath": "x"}),
        Mount(type="bind", source="/b", target="/b", options={"recursive": "disabled"}),
    )
    host = creation(spec(mounts=mounts), NEW).body["HostConfig"]
    assert host["Mounts"][0]["VolumeOptions"] == {"Subpath": "a/b"}
    assert host["Mounts"][1]["ImageOptions"] == {"Subpath": "x"}
    assert host["Mounts"][2]["BindOptions"] == {"NonRecursive": True}


def test_a_seccomp_profile_is_read_and_a_missing_one_named(tmp_path: Any) -> None:
    (tmp_path / "p.json").write_text('{ "defaultAction":  "SCMP_ACT_ALLOW" }')
    labels = {"com.docker.compose.project.working_dir": str(tmp_path)}
    service = {"security_opt": ["seccomp:p.json", "label=disable"]}
    host = creation(spec(service, labels=labels), NEW).body["HostConfig"]
    assert host["SecurityOpt"] == [
        'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}',
        "label=disable",
    ]
    with pytest.raises(ConfigError):
        creation(spec({"security_opt": ["seccomp=none.json"]}, labels=labels), NEW)


def test_a_grace_of_zero_is_not_the_default() -> None:
    assert creation(spec({"stop_grace_period": "0s"}), NEW).body["StopTimeout"] == 0
    assert "StopTimeout" not in creation(spec(), NEW).body


def test_links_answer_to_every_name() -> None:
    service = {"links": ["shop-db-1:database", "shop-db-1"]}
    endpoints = (Endpoint(network="n"),)
    host = creation(spec(service, endpoints=endpoints), NEW).body["HostConfig"]
    assert host["Links"] == [
        "shop-db-1:database",
        "shop-db-1:db-1",
        "shop-db-1:shop-db-1",
    ]


def test_a_one_off_sees_the_end_of_its_input() -> None:
    body = creation(spec(oneoff=True, stdin_open=True, tty=False), NEW).body
    assert (body["OpenStdin"], body["StdinOnce"], body["AttachStdin"]) == (True, True, True)
    body = creation(spec({"stdin_open": True}), NEW).body
    assert (body["OpenStdin"], body["StdinOnce"], body["AttachStdin"]) == (True, False, False)


def test_recreating_drops_what_the_engine_made_up() -> None:
    identity = "0123456789ab" + "c" * 52
    inspection = {
        "Id": identity,
        "Config": {"Hostname": "0123456789ab", "Image": "web", "Env": ["A=1"]},
        "HostConfig": {
            "NetworkMode": "net",
            "ContainerIDFile": "/x",
            "Links": ["/db:/web/database"],
            "Binds": ["named:/named:rw"],
            "Mounts": [{"Type": "volume", "Target": "/anon"}],
        },
        "Mounts": [
            {"Type": "volume", "Name": "named", "Destination": "/named", "RW": True},
            {"Type": "volume", "Name": "a" * 64, "Destination": "/anon", "RW": True},
            {"Type": "volume", "Name": "b" * 64, "Destination": "/image", "RW": True},
            {"Type": "bind", "Source": "/h", "Destination": "/h", "RW": True},
        ],
        "NetworkSettings": {
            "Networks": {
                "net": {
                    "Aliases": ["web", "0123456789ab"],
                    "IPAMConfig": {"IPv4Address": "10.0.0.9"},
                    "IPAddress": "10.0.0.9",
                    "MacAddress": "02:42:0a:00:00:09",
                }
            }
        },
    }
    body = creation_body(inspection)
    assert "Hostname" not in body
    assert "ContainerIDFile" not in body["HostConfig"]
    assert body["HostConfig"]["Links"] == ["db:database"]
    assert {mount["Target"]: mount["Source"] for mount in body["HostConfig"]["Mounts"]} == {
        "/anon": "a" * 64,
        "/image": "b" * 64,
    }
    assert body["NetworkingConfig"]["EndpointsConfig"] == {
        "net": {"IPAMConfig": {"IPv4Address": "10.0.0.9"}, "Aliases": ["web"]}
    }


@pytest.mark.parametrize(
    ("text", "health", "code"),
    [
        ("Up 3 seconds", "", None),
        ("Up 3 seconds (health: starting)", "starting", None),
        ("Up About an hour (unhealthy)", "unhealthy", None),
        ("Up 2 days (healthy)", "healthy", None),
        ("Up 2 days (Paused)", "", None),
        ("Exited (137) 3 minutes ago", "", 137),
        ("Restarting (1) 5 seconds ago", "", 1),
        ("Created", "", None),
    ],
)
def test_status_texts(text: str, health: str, code: int | None) -> None:
    row = {"Id": "0" * 64, "Names": ["/other/alias", "/a"], "Status": text, "Created": 5}
    state = container_state(row, None, {})
    assert (state.name, state.health, state.exit_code) == ("a", health, code)


def test_times() -> None:
    assert parse_time("0001-01-01T00:00:00Z") is None
    assert parse_time("") is None
    at = parse_time("2026-11-23T07:08:09.123456789+01:00")
    assert at is not None
    assert at.isoformat() == "2026-11-23T06:08:09.123456+00:00"


def test_the_engines_own_socket_is_mounted_where_programs_look_for_it() -> None:
    made = creation(spec({"use_api_socket": True}), OLD, "unix:///run/user/7/docker.sock")
    assert made.body["HostConfig"]["Binds"] == ["/run/user/7/docker.sock:/var/run/docker.sock:rw"]
    with pytest.raises(ConfigError, match="use_api_socket"):
        creation(spec({"use_api_socket": True}), OLD, "tcp://far:2375")


def test_links_out_of_the_project_keep_their_names() -> None:
    made = creation(spec({"external_links": ["old_db:db", "cache"]}), OLD)
    assert made.body["HostConfig"]["Links"] == ["old_db:db", "cache:cache"]


def test_mounts_of_every_type_are_written() -> None:
    mounts = tuple(
        Mount(type=kind, source="s", target=f"/{kind}") for kind in ("image", "cluster", "npipe")
    )
    made = creation(spec({}, mounts=mounts), NEW)
    assert [one["Type"] for one in made.body["HostConfig"]["Mounts"]] == [
        "image",
        "cluster",
        "npipe",
    ]
