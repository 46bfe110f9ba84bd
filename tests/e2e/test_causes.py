"""Symptom in one service, cause in another, on a real engine with a real database."""

from __future__ import annotations

from pathlib import Path

from support.installation import Installation, until

LEAKS = """
services:
  db:
    image: postgres:15
    command: ["postgres", "-c", "max_connections=20", "-c", "superuser_reserved_connections=0"]
    environment: {POSTGRES_HOST_AUTH_METHOD: trust}
    healthcheck:
      test: ["CMD", "test", "-S", "/var/run/postgresql/.s.PGSQL.5432"]
      interval: 1s
      start_period: 30s
    x-tabib: {care: observe}
  web:
    image: postgres:15
    depends_on: {db: {condition: service_healthy}}
    command:
      - sh
      - -c
      - while psql -qtA -h db -U postgres -c 'select 1'; do sleep 1; done; exit 1
    x-tabib: {care: observe}
  worker:
    image: postgres:15
    depends_on: {db: {condition: service_healthy}}
    command:
      - bash
      - -c
      - |
        sleep 4
        while true; do
          psql -q -h db -U postgres -c 'select pg_sleep(1000)' >/dev/null 2>&1 &
          sleep 0.5
        done
    init: true
    x-tabib: {care: observe}
"""


def test_web_is_refused_by_db_because_worker_leaks_connections(
    tabib: Installation, shop_images: None, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path, LEAKS)
    tabib("up", cwd=folder, timeout_s=120)
    found = until(
        lambda: [one for one in tabib.incidents(tabib.prefix) if one["service"] == "web"],
        60.0,
        "an incident of web",
    )
    cause = found[-1]["cause"]
    assert cause["code"] == "database.too-many-connections", found
    assert cause["service"] == "worker", cause
    assert "connections to db" in cause["summary"]
    cited = next(one for one in found[-1]["findings"] if one["code"] == cause["code"])
    assert any("worker holds" in one["text"] for one in cited["evidence"]), cited
