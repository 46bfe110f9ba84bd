"""What the global options say; one object for each run of the command."""

from __future__ import annotations

from tabib.model.record import Record


class Settings(Record):
    """Filled by the options before and after the command's name; what comes later wins."""

    files: tuple[str, ...] = ()
    project_name: str = ""
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    project_directory: str = ""
    allow_remote: bool = False
    context: str = ""
    cluster: str = ""
    host: str = ""
    state_dir: str = ""
    no_daemon: bool = False
    log_level: str = ""
    ansi: str = "auto"
    progress: str = "auto"
    no_wait: bool = False
    own_failure: int | None = None
    """Exit code of tabib's own failures where codes of containers are passed on (125)."""
