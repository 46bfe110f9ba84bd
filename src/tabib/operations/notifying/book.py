"""The rules: whom incidents are told to, and the destinations that they make."""

from __future__ import annotations

from dataclasses import replace

import structlog

from tabib.decide.notices import effective, rules_for
from tabib.decide.notices.urls import destination_id, url_tokens
from tabib.decide.redact import Redactor
from tabib.model.notice import Destination, Notice, NotifyRule, RulesByService
from tabib.operations.notifying.rules import sealed
from tabib.operations.notifying.tools import HostRules, NotifyTools

log = structlog.get_logger("tabib.notify")


class Book:
    """All rules of the host and of the projects in care, URLs as vault references."""

    def __init__(self, tools: NotifyTools, host: HostRules) -> None:
        self._tools = tools
        self._host = host
        self._host_rules: tuple[NotifyRule, ...] = ()
        self._urls: dict[str, str] = {}
        """Reference → URL, of every rule that was met: no message may show a part of one."""
        self._secrets = Redactor()
        self._ready = False
        self._last: dict[tuple[str, str], RulesByService] = {}
        """What was in force for a project: incidents that end because it is taken down or let go
        are told of once its record is gone."""
        self.wrong: dict[str, str] = {}
        """Reference → why nothing can be sent there, of URLs that the host names."""

    async def prepare(self) -> None:
        """Seal the host's URLs, and judge them: a wrong one is told, and stops nothing."""
        if self._ready:
            return
        tools = self._tools
        references = await sealed({"": self._host.rules}, tools.vault)
        self._host_rules = references[""]
        self._ready = True
        for clear, rule in zip(self._host.rules, self._host_rules, strict=True):
            await self.meet(rule)
            why = await tools.notifier.check(clear.url)
            if why:
                self.wrong[rule.url] = why
                place = self._host.places.get(clear.url, "tabib.toml")
                log.error("notify.wrong_url", destination=rule.label, place=place, why=why)

    async def of(self, engine_id: str, project: str, service: str) -> list[NotifyRule]:
        """The rules that concern a service, complete, one for each URL."""
        record = await self._tools.journal.care(engine_id, project)
        if record is not None:
            self._last[engine_id, project] = record.notify
        own = self._last.get((engine_id, project), {})
        return rules_for(service, own, self._host_rules, self._host.usual)

    async def all(self) -> list[tuple[str, NotifyRule]]:
        """Each rule (complete) with its project; ``""`` for the host's."""
        found: dict[tuple[str, str], NotifyRule] = {}
        for record in await self._tools.journal.all_care():
            for some in record.notify.values():
                for rule in some:
                    key = (record.project, rule.url)
                    found.setdefault(key, effective(rule, self._host.usual))
        for rule in self._host_rules:
            found["", rule.url] = effective(rule, self._host.usual)
        return [(project, rule) for (project, _), rule in found.items()]

    async def meet(self, rule: NotifyRule) -> Destination:
        """The destination of a rule; from now on it is one, and no message shows its URL."""
        await self._know(rule.url)
        wanted = destination_id(rule.url)
        for one in await self._tools.outbox.destinations():
            if one.id == wanted:
                return one
        fresh = Destination(
            id=wanted, url=rule.url, label=rule.label, known_since=self._tools.clock.now()
        )
        await self._tools.outbox.put_destination(fresh)
        return fresh

    def text(self, text: str) -> str:
        """``text`` without any URL of a rule."""
        return self._secrets.text(text)

    def hidden(self, notice: Notice) -> Notice:
        """The notice, once more through a redactor: one that knows the URLs of notifications."""
        text = self.text
        return replace(
            notice, title=text(notice.title), head=text(notice.head), text=text(notice.text)
        )

    async def _know(self, reference: str) -> None:
        if reference in self._urls:
            return
        [self._urls[reference]] = await self._tools.vault.open([reference])
        self._secrets = Redactor.knowing(
            part for url in self._urls.values() for part in url_tokens(url)
        )
