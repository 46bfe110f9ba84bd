"""When a new release is due."""

from __future__ import annotations

from dataclasses import replace

from tabib.decide.releases import config_hash
from tabib.model.project import Project, Service


def _project(**fields: object) -> Project:
    service = Service(name="db", spec={"image": "postgres:15"}, config_hash="1")
    plain = Project(name="shop", working_dir="/shop", services={"db": service})
    return replace(plain, **fields)  # type: ignore[arg-type]


def test_what_is_said_to_tabib_alone_makes_a_release_too() -> None:
    plain = config_hash(_project(), {})
    assert config_hash(_project(extensions={"x-other": {"a": 1}}), {}) == plain
    written = {"x-tabib": {"backup": {"repository": "/a", "schedule": "never"}}}
    whole = config_hash(_project(extensions=written), {})
    assert whole != plain
    moved = {"x-tabib": {"backup": {"schedule": "never", "repository": "/b"}}}
    assert config_hash(_project(extensions=moved), {}) != whole
    moved["x-tabib"]["backup"]["repository"] = "/a"
    assert config_hash(_project(extensions=moved), {}) == whole, "the order of keys is none"


def test_so_does_what_a_service_says_to_it() -> None:
    plain = config_hash(_project(), {})
    service = replace(_project().services["db"], extension={"backup": {"method": "pause"}})
    assert config_hash(_project(services={"db": service}), {}) != plain
