"""Benchmarks: tabib beside Docker Compose and the raw engine, interleaved in one run.

Machines are noisy: what counts is the ratio of medians within a run, never a time alone.
"""
