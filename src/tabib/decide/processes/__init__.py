"""Process records out of kernel events."""

from tabib.decide.processes.table import ProcessTable, ended_unseen

__all__ = ["ProcessTable", "ended_unseen"]
