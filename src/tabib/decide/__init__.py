"""Decisions: pure functions of plain values. No await, clock, randomness, ids, files or logging."""
