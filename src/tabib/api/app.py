"""The application: all routes, and how errors are answered."""

from __future__ import annotations

from starlette.applications import Starlette

from tabib.api.answers import on_bug, on_tabib_error
from tabib.api.context import Context
from tabib.api.routes import (
    backups,
    checkup,
    containers,
    daemon,
    incidents,
    notify,
    projects,
    recorder,
    reports,
    restores,
)
from tabib.model.errors import TabibError


def application(context: Context) -> Starlette:
    """The ASGI application of one daemon."""
    app = Starlette(
        routes=[
            *daemon.ROUTES,
            *projects.ROUTES,
            *containers.ROUTES,
            *incidents.ROUTES,
            *checkup.ROUTES,
            *recorder.ROUTES,
            *reports.ROUTES,
            *notify.ROUTES,
            *backups.ROUTES,
            *restores.ROUTES,
        ],
        exception_handlers={TabibError: on_tabib_error, Exception: on_bug},
    )
    app.state.context = context
    return app
