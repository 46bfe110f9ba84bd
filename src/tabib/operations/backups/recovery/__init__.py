"""Whole-host recovery: what can be brought back, how it is done, what is told of it."""
