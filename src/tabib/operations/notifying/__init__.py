"""Tells people about incidents: takes changes in, asks ``decide.notices``, sends, tries again.

The journal has the intent before an attempt and the outcome after it, and the outbox what still
waits, so a death of the daemon loses nothing. What was sent at the very moment of a death may be
sent once more; nothing else is told twice.
"""

from tabib.operations.notifying.notifying import Notifying
from tabib.operations.notifying.tools import HostRules, NotifyTools, Report

__all__ = ["HostRules", "NotifyTools", "Notifying", "Report"]
