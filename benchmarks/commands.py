"""How long a command takes to say something."""

from __future__ import annotations

from benchmarks.bench import Bench, Row, interleaved


def measure(bench: Bench) -> list[Row]:
    """``--help``, ``ps`` with nothing running, and the cold start of the daemon."""
    bench.tabib("ps")
    rounds = max(bench.runs, 11)
    helped, shown = interleaved(rounds, [lambda: bench.tabib("--help"), lambda: bench.tabib("ps")])

    def cold() -> float:
        bench.tabib("daemon", "stop")
        return bench.tabib("ps")

    started = interleaved(3, [cold])[0]
    return [
        Row("tabib --help", helped[0], target="≤ 0.150 s"),
        Row("tabib ps", shown[0], target="≤ 0.300 s"),
        Row("tabib ps, starting the daemon (cold)", started[0]),
    ]
