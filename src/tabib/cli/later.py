"""Commands that are not there yet, and what to use meanwhile."""

from __future__ import annotations

_COMPOSE_WORKS = "the containers carry Compose's labels, so it works on them"

LATER: dict[str, str] = {
    "create": "tabib up --no-start",
    "attach": "docker compose attach",
    "wait": "docker compose wait",
    "stats": "docker compose stats",
    "watch": "docker compose watch",
    "volumes": "docker volume ls",
    "export": "docker export",
    "commit": "docker commit",
    "publish": "docker compose publish",
    "rollback": "tabib releases, and tabib up with the earlier Compose file",
    "promote": "tabib up on the other engine (--context NAME)",
    "cluster": "docker context",
    "nodes": "docker node ls",
    "placement": "docker node ps",
    "failover": "",
}
"""Name → what does nearly the same today; ``""``: nothing does."""


def explain(name: str) -> str:
    """One message that says so and names the equivalent."""
    instead = LATER[name]
    if not instead:
        return f"`tabib {name}` is not there yet, and docker has nothing alike."
    note = f" ({_COMPOSE_WORKS})" if instead.startswith("docker compose") else ""
    return f"`tabib {name}` is not there yet. Meanwhile: {instead}{note}."
