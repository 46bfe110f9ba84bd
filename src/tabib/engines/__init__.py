"""Engines: each folder is an adapter of the port; the only code that speaks to an engine."""
