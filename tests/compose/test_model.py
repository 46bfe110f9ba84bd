"""The nouns that a load gives."""

from __future__ import annotations

import pytest

from compose.memory import load_text
from tabib.compose import render
from tabib.model import codec
from tabib.model.errors import ConfigError
from tabib.model.project import Dependency, Project

SHOP = """
name: shop
x-tabib: {care: advise, backup: {schedule: "0 3 * * *", keep: {daily: 7}}}
services:
  web:
    build: .
    scale: 2
    networks: {back: , front: {priority: 9}}
    depends_on:
      db: {condition: service_healthy, restart: true}
      extra: {condition: service_started, required: false}
    volumes: ["data:/data", "data:/again", "./x:/x", /anonymous]
    x-tabib: {care: act, job: false, backup: {keep: {daily: 1}}, expose: {port: 80}}
    labels: {tabib.notify: "json://a, json://b?x=1,2", tabib.expose.host: example.com}
  db:
    {image: "postgres:15", container_name: pg, restart: "no", secrets: [pw], healthcheck: {test: a}}
  extra: {image: x, profiles: [more], env_file: nowhere.env}
networks: {front: , back: {external: true}}
volumes: {data: {labels: [a=b]}, unused: }
secrets: {pw: {environment: PW}}
"""


@pytest.fixture(name="shop")
def _shop() -> Project:
    return load_text(SHOP, environment={"PW": "geheim"})


def test_services(shop: Project) -> None:
    web = shop.services["web"]
    assert (web.image, web.replicas, web.networks, web.volumes) == (
        "shop-web", 2, ("front", "back"), ("data",)
    )  # fmt: skip
    assert web.depends_on == (
        Dependency(service="db", condition="service_healthy", restart=True),
        Dependency(service="extra", required=False),
    )
    db = shop.services["db"]
    assert (db.image, db.replicas, db.container_name, db.restart) == ("postgres:15", 1, "pg", "no")
    assert db.has_healthcheck
    assert not web.has_healthcheck


def test_what_no_profile_enables_stands_apart_and_may_lack_its_files(shop: Project) -> None:
    assert list(shop.services) == ["db", "web"]
    assert list(shop.disabled) == ["extra"]


def test_a_service_named_on_the_command_line_is_enabled() -> None:
    text = "services: {a: {image: x}, b: {image: x, profiles: [p]}, c: {image: x, profiles: [p]}}"
    project = load_text(text, services=("b",))
    assert sorted(project.services) == ["a", "b", "c"]
    assert project.profiles == ("p",)


def test_resources(shop: Project) -> None:
    assert {n.key: (n.name, n.external) for n in shop.networks.values()} == {
        "front": ("shop_front", False),
        "back": ("back", True),
        "default": ("shop_default", False),
    }
    assert list(shop.volumes) == ["data"]
    assert shop.volumes["data"].name == "shop_data"
    assert shop.volumes["data"].plain


def test_the_value_of_a_secret_is_known_but_never_printed(shop: Project) -> None:
    assert shop.secrets["pw"].content == "geheim"
    assert "geheim" not in render.as_json(shop) + render.as_yaml(shop)


def test_extensions_merge_and_labels_win(shop: Project) -> None:
    assert shop.services["db"].extension == {
        "care": "advise",
        "backup": {"schedule": "0 3 * * *", "keep": {"daily": 7}},
    }
    assert shop.services["web"].extension == {
        "care": "act",
        "job": False,
        "backup": {"schedule": "0 3 * * *", "keep": {"daily": 1}},
        "expose": {"host": "example.com"},
        "notify": [{"url": "json://a"}, {"url": "json://b?x=1,2"}],
    }


@pytest.mark.parametrize(
    ("extension", "path", "suggestion"),
    [
        ("x-tabib: {cares: act}", "services.a.x-tabib.cares", "did you mean 'care'?"),
        ("x-tabib: {care: sometimes}", "services.a.x-tabib.care", ""),
        ("labels: {tabib.jobs: 'true'}", "services.a.labels.tabib.jobs", "did you mean 'job'?"),
        ("x-tabib: {job: maybe}", "services.a.x-tabib.job", ""),
        ("x-tabib: [care]", "services.a.x-tabib", ""),
    ],
)
def test_unknown_extensions_are_refused(extension: str, path: str, suggestion: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(f"services:\n  a:\n    image: x\n    {extension}\n")
    [problem] = caught.value.details["problems"]
    assert (problem["path"], problem["suggestion"], problem["line"]) == (path, suggestion, 4)


def test_x_tabib_changes_neither_output_nor_hash() -> None:
    plain = load_text("services: {a: {image: x}}")
    cared = load_text("services: {a: {image: x, x-tabib: {care: observe}}}")
    assert cared.services["a"].config_hash == plain.services["a"].config_hash
    assert render.as_json(cared) == render.as_json(plain)


def test_the_hash_leaves_out_what_does_not_touch_a_container() -> None:
    plain = load_text("services: {a: {image: x}, b: {image: x}}")
    other = load_text(
        "services: {a: {image: x, build: ., scale: 3, pull_policy: always, depends_on: [b]},"
        " b: {image: x}}"
    )
    assert other.services["a"].config_hash == plain.services["a"].config_hash
    changed = load_text("services: {a: {image: x, tty: true}, b: {image: x}}")
    assert changed.services["a"].config_hash != plain.services["a"].config_hash


def test_a_project_survives_the_wire(shop: Project) -> None:
    assert codec.decode(codec.encode(shop), Project) == shop


def test_printed_yaml_loads_to_the_same_project() -> None:
    text = SHOP.replace("profiles: [more], env_file: nowhere.env", "command: 'echo $$HOME'")
    shop = load_text(text, environment={"PW": "geheim"})
    again = load_text(render.as_yaml(shop), environment={"PW": "geheim"})
    assert list(again.services) == ["db", "extra", "web"]
    assert {n: s.spec for n, s in again.services.items()} == {
        n: s.spec for n, s in shop.services.items()
    }
    assert again.services["web"].extension == shop.services["web"].extension
    assert (again.networks, again.volumes) == (shop.networks, shop.volumes)


def test_loading_is_deterministic() -> None:
    assert load_text(SHOP) == load_text(SHOP)


def test_without_interpolation_variables_stay_as_they_are() -> None:
    text = (
        "services: {a: {image: 'x:${TAG}', scale: '${N}', ports: ['${P}:80'], mem_limit: '${M}',"
        " volumes: ['${V}:/v'], healthcheck: {test: 'true', interval: '${I:-5s}'}}}"
    )
    project = load_text(text, no_interpolate=True)
    spec = project.services["a"].spec
    assert (spec["image"], spec["scale"], spec["mem_limit"]) == ("x:${TAG}", "${N}", "${M}")
    assert spec["healthcheck"]["interval"] == "${I:-5s}"
    assert "x:${TAG}" in render.as_json(project, escape=False)
