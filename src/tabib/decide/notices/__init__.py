"""Notifications: what is worth telling, when, and in which words. Pure."""

from tabib.decide.notices.occasions import notices_of
from tabib.decide.notices.rules import effective, rules_for
from tabib.decide.notices.timing import LIMITS, Limits, Plan, back_off, plan
from tabib.decide.notices.words import compose

__all__ = [
    "LIMITS",
    "Limits",
    "Plan",
    "back_off",
    "compose",
    "effective",
    "notices_of",
    "plan",
    "rules_for",
]
