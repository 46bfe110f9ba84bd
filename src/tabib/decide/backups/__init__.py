"""Decisions about data and its copies: what is data, what is kept and when, and what was lost."""
