"""The story: set up, deploy, break three things, watch each heal, explain; then lose the data."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from setup import engine as engines
from setup import made as made_here
from setup import state
from setup.engine_api import Engine
from setup.run import ROOT
from setup.say import SetupError, detail, line, paint
from setup.steps import prepare

from demo import command
from demo.shop import FOLDER, PROJECT, Shop, choose_port, containers, wait, working_dir

_HEALED_WITHIN = 90.0
_RESTORED_WITHIN = 180.0
_LOG_FOLLOWS_S = 2.0
"""The database's log is received all the time; so long it may lag behind."""
_LOSS = "destroy the database's volume (rm -rf)"
_EXPLAINED_WITHIN = 30.0


@dataclass(frozen=True)
class Act:
    """One thing that is broken: what is said, what is done, and whom it hits."""

    title: str
    done: str
    service: str
    strike: Callable[[Shop], None]
    item: str


ACTS = (
    Act(
        "kill the API's worker (SIGKILL)",
        "the process inside shop-api-1 is dead",
        "api",
        Shop.kill_worker,
        "tea",
    ),
    Act(
        "remove the web container (docker rm -f)",
        "shop-web-1 is gone",
        "web",
        lambda shop: shop.remove("web"),
        "book",
    ),
    Act(
        "let the API hang (it runs, and answers nobody)",
        "the API holds every request for ever",
        "api",
        Shop.hang,
        "cake",
    ),
)


def play() -> None:
    """Tell the whole story. Raises SetupError with advice wherever it cannot go on."""
    begun = time.monotonic()
    _chapter("Set up what is missing")
    prepare(("venv", "engine", "images=shop"))
    ready = time.monotonic()

    engine = engines.connected()
    if engine is None:
        raise SetupError("the engine has gone away", "make demo starts it again", 5)
    shop = _deploy(engine)
    deployed = time.monotonic()

    healed = [(act.title, _break(shop, act)) for act in ACTS]
    _explain()
    healed.append((_LOSS, _lose_the_data(shop)))

    total = time.monotonic() - begun
    _chapter("In short")
    for title, seconds in healed:
        line(f"  {title:<50} healed in {seconds:5.1f} s")
    line(f"  set up {ready - begun:.1f} s, deployed {deployed - ready:.1f} s, total {total:.1f} s")
    _what_next(shop)


def _deploy(engine: Engine) -> Shop:
    _chapter(f"Deploy four containers:  tabib up -f {command.COMPOSE_FILE}")
    strangers = [found for found in containers(engine) if working_dir(found) != str(FOLDER)]
    if strangers:
        raise SetupError(
            f"a project named {PROJECT!r} from {working_dir(strangers[0]) or 'elsewhere'} "
            "is on this engine, and the demo would change it",
            f"Take it away (docker compose -p {PROJECT} down there), then: make demo",
            3,
        )
    wanted = _wanted_port()
    shop = Shop(engine, choose_port(engine, wanted))
    if shop.port != wanted:
        detail(f"port {wanted} is not free (or the shop runs already); taking {shop.port}")
    _remember(engine, shop.port)
    begun = time.monotonic()
    extra = {"SHOP_PORT": str(shop.port), "SHOP_POINT_IN_TIME": "true"}
    command.show("up", "-f", str(command.COMPOSE_FILE), extra=extra)
    if wait(lambda: _sells(shop), 10) is None:
        raise SetupError(
            f"all is healthy, yet nothing answers at {shop.url}",
            "Is the engine on another machine, or a firewall between?  tabib ps; tabib logs web",
        )
    _good(f"the shop is open at {shop.url}", time.monotonic() - begun)
    _order(shop, "coffee")
    return shop


def _wanted_port() -> int:
    text = os.environ.get("SHOP_PORT") or "8080"
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise SetupError(f"SHOP_PORT={text} is no port", "SHOP_PORT=9000 make demo", 2)
    return int(text)


def _break(shop: Shop, act: Act) -> float:
    """Break one thing and give the seconds until the shop sold again."""
    _chapter(f"Break it: {act.title}")
    before = shop.seen(act.service)
    if before is None:
        raise SetupError(f"there is no {act.service} container to break", "make demo")
    orders, known = shop.orders(), {found["id"]: _treated(found) for found in _incidents()}
    begun = time.monotonic()
    act.strike(shop)
    line(f"  {paint('✗', 'red')} {act.done}")
    if wait(lambda: shop.healed_since(act.service, before), _HEALED_WITHIN) is None:
        raise SetupError(
            f"{act.service} was not healed within {_HEALED_WITHIN:.0f} s",
            f"{_advice(act.service)}See: tabib ps -a, tabib incidents, tabib daemon status; "
            "start over: make demo-down",
        )
    seconds = time.monotonic() - begun
    _good(f"healed: {act.service} is healthy and the shop sells again", seconds)
    _diagnosis(act.service, known)
    _confirm(act.service)
    if shop.orders() < orders:
        raise SetupError(f"orders were lost: {orders} before, {shop.orders()} now", "tabib logs db")
    _order(shop, act.item)
    return seconds


def _lose_the_data(shop: Shop) -> float:
    """The second act: copy the data, sell on, destroy the database's volume; the seconds until the
    shop sold again, with every order."""
    _chapter("The second act. A copy of its data:  tabib backup")
    command.show("backup", "-p", PROJECT)
    _order(shop, "cheese")  # after the copy: it is in the database's log alone
    time.sleep(_LOG_FOLLOWS_S)
    before, orders = shop.seen("db"), shop.orders()
    known = {found["id"]: _treated(found) for found in _incidents()}
    if before is None:
        raise SetupError("there is no db container", "make demo")

    def ours() -> list[dict[str, Any]]:
        new = (one for one in _incidents() if _treated(one) > known.get(one["id"], 0))
        return [one for one in new if one["service"] == "db"]

    _chapter(f"Break it: {_LOSS}")
    begun = time.monotonic()
    shop.destroy_data()
    line(f"  {paint('✗', 'red')} every file of volume shop_orders is gone, and db has crashed")

    asked: set[str] = set()

    def back() -> bool:
        for one in ours():
            if one["treatments"][-1]["outcome"] == "offered" and one["id"] not in asked:
                asked.add(one["id"])
                detail(f"tabib asks: {one['treatments'][-1]['reason']}")
                _chapter(
                    f"Data is restored once a day unasked; so:  tabib incident {one['id']} --treat"
                )
                command.show("incident", str(one["id"]), "--treat")
        return shop.healed_since("db", before) and shop.orders() >= orders

    if wait(back, _RESTORED_WITHIN) is None:
        raise SetupError(
            f"the orders were not back within {_RESTORED_WITHIN:.0f} s",
            f"{_advice('db')}See: tabib incidents, tabib snapshots; start over: make demo-down",
        )
    seconds = time.monotonic() - begun
    _good(f"restored: the shop sells again, with all {orders} orders", seconds)
    new: list[dict[str, Any]] = []

    def told() -> bool:
        new[:] = [one for one in ours() if one.get("restored") and one["closed_at"]]
        return bool(new)

    if wait(told, _EXPLAINED_WITHIN) is None:
        raise SetupError("no incident tells of the restore", "tabib incidents --all")
    _chapter(f"What was lost, in its own words:  tabib incident {new[0]['id']}")
    command.show("incident", str(new[0]["id"]))
    _judged(new[0]["restored"], orders, shop.orders())
    _order(shop, "bread")
    return seconds


def _judged(restored: dict[str, Any], before: int, now: int) -> None:
    """What tabib says was lost, beside what was counted."""
    said = "; ".join(restored["lost"]) or "nothing"
    for known in restored["whole"]:
        detail(known)
    if now < before and not restored["lost"]:
        raise SetupError(
            f"tabib says that nothing was lost, and of {before} orders {now} are there",
            "That is a bug of tabib's: tabib report",
        )
    _good(f"tabib says: lost: {said}; counted: {before} orders before, {now} now")


def _diagnosis(service: str, known: dict[str, int]) -> None:
    """Wait until tabib has closed the case, then say what it found.

    Trouble that comes back soon is the same incident, opened again with one treatment more.
    """
    new: list[dict[str, Any]] = []

    def closed() -> bool:
        ours = [found for found in _incidents() if found["service"] == service]
        new[:] = [found for found in ours if _treated(found) > known.get(found["id"], -1)]
        return bool(new) and all(found["closed_at"] for found in new)

    wait(closed, _EXPLAINED_WITHIN)
    if not new:
        raise SetupError(
            f"{service} is back, but tabib has no incident for it",
            "See: tabib incidents --all, tabib daemon status",
        )
    for found in new:
        cause = found.get("cause") or {}
        detail(f"incident {found['id']}: {cause.get('code', '?')}: {cause.get('summary', '?')}")
        for done in (found.get("treatments") or [])[known.get(found["id"], 0) :]:
            detail(f"  {done['action']}: {done['reason']} → {done.get('outcome') or 'open'}")
        detail(f"  outcome: {found['outcome']}")


def _confirm(service: str) -> None:
    """tabib itself must see it so too."""
    rows = [row for row in command.ask("ps", "-p", PROJECT) if row["service"] == service]
    if [(row["state"], row["health"]) for row in rows] != [("running", "healthy")]:
        raise SetupError(f"tabib ps sees {service} otherwise: {rows}", "tabib ps -a")


def _incidents() -> list[dict[str, Any]]:
    return [found for found in command.ask("incidents", "--all") if found["project"] == PROJECT]


def _advice(service: str) -> str:
    """What tabib itself says about a service that it did not heal."""
    ours = [found for found in _incidents() if found["service"] == service]
    last = max(ours, key=lambda found: str(found["opened_at"]), default={})
    return f"tabib says: {last['advice']}\n" if last.get("advice") else ""


def _treated(incident: dict[str, Any]) -> int:
    return len(incident.get("treatments") or [])


def _explain() -> None:
    _chapter("Explained:  tabib incidents --all")
    command.show("incidents", "--all")
    newest = max(_incidents(), key=lambda found: str(found["opened_at"]))
    _chapter(f"One of them in full:  tabib incident {newest['id']}")
    command.show("incident", str(newest["id"]))
    _chapter("What ran in there, after the fact:  tabib processes shop/api --failed --since 10m")
    command.show("processes", "shop/api", "--failed", "--since", "10m")
    _chapter("How it was:  tabib history shop --since 2m --metric cpu --metric memory")
    command.show("history", "shop", "--since", "2m", "--metric", "cpu", "--metric", "memory")


def _order(shop: Shop, item: str) -> None:
    try:
        placed = shop.place_order(item)
        total = shop.orders()
    except OSError as error:
        raise SetupError(f"the shop does not sell: {error}", "tabib logs api; tabib ps") from error
    _good(f"order {placed['id']} placed through web ({item}); {total} orders in the database")


def _sells(shop: Shop) -> bool:
    try:
        shop.orders()
    except OSError:
        return False
    return True


def _remember(engine: Engine, port: int) -> None:
    """Before anything is made: an interrupted demo must leave a record too."""
    with state.change() as record:
        here = made_here.identity(engine)
        started = not command.succeeds("daemon", "status")
        again = record["shop"].get("engine") == here
        record["shop"] = {
            "engine": here,
            "port": port,
            "daemon": started or (again and record["shop"].get("daemon", False)),
        }


def _what_next(shop: Shop) -> None:
    prefix = "" if shop.port == 8080 else f"SHOP_PORT={shop.port} "
    tabib = command.TABIB.relative_to(ROOT)
    _chapter("The shop goes on running. Try next")
    hints = (
        (f"open {shop.url}", "order something while you break it"),
        ("docker rm -f shop-db-1", "lose the database's container; its orders survive"),
        (f"{tabib} ps", "what runs"),
        (f"{tabib} incidents --all", "what was wrong, why, and what was done"),
        (f"{tabib} top", "what uses the machine; Enter shows a container's processes"),
        (f"{tabib} -p shop logs -f api", "what the API says"),
        (f"{prefix}{tabib} up -f {command.COMPOSE_FILE} --dry-run", "what would change: nothing"),
        ("make demo-down", "take all of it away again"),
    )
    width = max(len(words) for words, _ in hints)
    for words, why in hints:
        line(f"  {paint(words.ljust(width), 'cyan')}  {why}")


def _chapter(title: str) -> None:
    line()
    line(paint(title, "bold"))


def _good(text: str, seconds: float | None = None) -> None:
    took = "" if seconds is None else f" {paint(f'({seconds:.1f} s)', 'green')}"
    line(f"  {paint('✓', 'green')} {text}{took}")
