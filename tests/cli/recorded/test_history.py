"""Charts: gaps stay gaps, sums are sums, every picture fits and parses."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cli.conftest import Tabib
from support.protocol import ProtocolServer, of_stream
from tabib.cli.console import Console
from tabib.cli.render.history import chart
from tabib.cli.render.history.csv import csv_text
from tabib.cli.render.table import visible
from tabib.decide.charts import plots, svg
from tabib.decide.charts.values import ceiling, shown

T0 = datetime(2030, 1, 1, tzinfo=UTC)
PLAIN = Console("never")


def at(seconds: float) -> str:
    return (T0 + timedelta(seconds=seconds)).isoformat()


def a_chart(
    metric: str, means: list[float | None], *, name: str = "web", unit: str = "us", step: float = 1
) -> dict[str, Any]:
    points = [
        {"at": at(n * step), "mean": mean, "peak": None if mean is None else mean * 2}
        for n, mean in enumerate(means)
    ]
    subject = {"kind": "container", "name": name, "id": name, "project": "shop", "service": name}
    return {"subject": subject, "metric": metric, "unit": unit, "step_s": step, "points": points}


def answer(*charts: dict[str, Any], seconds: float = 8) -> dict[str, Any]:
    return {"target": {"kind": "project", "name": "shop", "subjects": []}, "since": at(0),
            "until": at(seconds), "charts": list(charts)}  # fmt: skip


def one_plot(*charts: dict[str, Any], count: int = 8, seconds: float = 8) -> plots.Plot:
    told = answer(*charts, seconds=seconds)
    return plots.plots(told, plots.window_of(told, count))[0]


def test_containers_add_up_and_a_gap_of_one_is_none_of_all() -> None:
    plot = one_plot(
        a_chart("cpu_us", [1, 1, None, None, 4, 4, 4, None]),
        a_chart("cpu_us", [None, 2, 2, None, 2, 2, 2, None], name="db"),
    )
    assert plot.means == (1, 3, 2, None, 6, 6, 6, None)
    # Peaks of two at once do not add up: only where one alone ran is there one.
    assert plot.peaks == (2, None, 4, None, None, None, None, None)
    assert [name for name, _, _ in plot.legend] == ["web", "db"]


def test_a_replaced_container_is_one_line_of_the_legend() -> None:
    first = a_chart("cpu_us", [1, 1, None, None])
    second = a_chart("cpu_us", [None, None, 3, 3])
    assert one_plot(first, second, count=4, seconds=4).legend == ()


def test_points_that_are_longer_than_a_step_fill_all_they_cover() -> None:
    plot = one_plot(a_chart("cpu_us", [1, None, 5], step=4), count=12, seconds=12)
    assert plot.means == (1,) * 4 + (None,) * 4 + (5,) * 4


_VALUES = st.lists(st.none() | st.floats(0, 1e15), min_size=1, max_size=60)


@example([390625000000001.0], 30, True, "us")
@given(_VALUES, st.integers(30, 200), st.booleans(), st.sampled_from(["us", "bytes", ""]))
def test_a_chart_fits_and_draws_nothing_in_a_gap(
    means: list[float | None], width: int, unicode: bool, unit: str
) -> None:
    look = chart.Look(width=width, unicode=unicode)
    metric = {"us": "cpu_us", "bytes": "memory_bytes", "": "processes"}[unit]
    told = answer(a_chart(metric, means, unit=unit), seconds=len(means))
    plot = plots.plots(told, plots.window_of(told, look.steps))[0]
    lines = chart.chart_lines(plot, look, PLAIN)
    assert all(visible(line) <= width for line in lines)
    if not unicode:
        assert all(line.isascii() for line in lines)
    bar = "┤" if unicode else "|"
    body = [line.partition(bar)[2] for line in lines if bar in line]
    per = 2 if unicode else 1
    for column in range(look.columns if body else 0):
        steps = plot.means[column * per : (column + 1) * per]
        drawn = any(line[column : column + 1].strip() for line in body)
        assert drawn == any(one is not None for one in steps)


def test_zero_is_drawn_as_something_and_all_zero_as_a_line() -> None:
    look = chart.Look(width=30)
    some = chart.chart_lines(one_plot(a_chart("cpu_us", [0, 9, None])), look, PLAIN)
    assert some[-1].rstrip()[-1] not in ("┤", " ")
    none = chart.chart_lines(one_plot(a_chart("cpu_us", [0, 0])), look, PLAIN)
    assert none == ["CPU  0 cores throughout"]


@pytest.mark.parametrize(
    ("metric", "unit", "value", "text"),
    [
        ("cpu_us", "us", 1_500_000, "1.5 cores"),
        ("cpu_pressure_us", "us", 250_000, "25.0 %"),
        ("memory_bytes", "bytes", 1_500_000, "1.5 MB"),
        ("block_read_bytes", "bytes", 1500, "1.5 kB/s"),
        ("oom_kills", "", 0.5, "0.5/s"),
        ("processes", "", 12, "12.0"),
    ],
)
def test_units(metric: str, unit: str, value: float, text: str) -> None:
    assert shown("container", metric, unit, value) == text


@given(st.floats(0, 1e18), st.sampled_from([("us", "cpu_us"), ("bytes", "x"), ("", "x"),
                                             ("", "load_1m_hundredths")]))  # fmt: skip
def test_the_axis_reaches_the_highest_value(value: float, kind: tuple[str, str]) -> None:
    top = ceiling(*kind, value)
    assert top >= value * 0.99999
    assert top > 0


def test_marks_show_the_worst_of_a_place() -> None:
    def event(action: str, seconds: float, **attributes: str) -> dict[str, Any]:
        return {"kind": "container", "action": action, "at": at(seconds), "attributes": attributes}

    events = [event("start", 0.1), event("die", 0.2), event("oom", 3), event("start", 3.5),
              event("health_status", 5, health="unhealthy"), event("health_status", 6,
              health="healthy"), event("die", 99), event("exec", 2)]  # fmt: skip
    row = plots.mark_row(plots.marks(events), plots.window_of(answer(), 8))
    assert row == "x  o !  "


def test_totals() -> None:
    told = answer(
        a_chart("restarts", [1, 1, 2, 4], unit=""),
        a_chart("oom_kills", [0, 0.5, None, 0.5], unit="", step=2),
    )
    told["charts"][0]["points"][-1]["peak"] = 4
    for point in told["charts"][0]["points"]:
        point["peak"] = point["mean"]
    assert plots.totals(told) == {"restarts": 3, "oom_kills": 2}
    assert plots.plots(told, plots.window_of(told, 8)) == []


@given(_VALUES, st.text(max_size=20))
def test_the_svg_parses_and_its_gaps_are_gaps(means: list[float | None], name: str) -> None:
    name = "".join(char for char in name if char.isprintable())
    told = answer(a_chart("cpu_us", means), seconds=len(means))
    window = plots.window_of(told, len(means))
    found = plots.plots(told, window)
    root = ElementTree.fromstring(svg.svg(name, found, window, [], svg.Axis(since="a", until="b")))
    lines = [one for one in root.iter() if one.get("class") == "l"]
    points = [pair for line in lines for pair in str(line.get("points")).split()]
    assert len(points) == sum(one is not None for one in found[0].means)


def test_csv_has_a_line_a_point() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(answer(a_chart("cpu_us", [1.5, None]))))))
    assert [(row["mean"], row["peak"]) for row in rows] == [("1.5", "3.0"), ("", "")]
    assert rows[0]["name"] == "web"


def test_the_command(
    tabib: Tabib, daemon: ProtocolServer, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    daemon.on("GET /v1/history", answer(a_chart("cpu_us", [1e6, None, 2e6])))
    daemon.on("GET /v1/events", of_stream(
        {"kind": "container", "action": "die", "at": at(2), "attributes": {}}))  # fmt: skip
    done = tabib("history", "web", "--since", "2030-01-01T00:00:00Z", "-m", "cpu", "--width", "60")
    assert done.code == 0, done.err
    assert "mean 1.5 cores, peak 4 cores" in done.out
    assert "✖ died" in done.out
    asked = daemon.to("GET /v1/history")[-1].query
    assert (asked["target"], asked["project"], asked["metric"]) == (["web"], ["shop"], ["cpu"])
    monkeypatch.setenv("LC_ALL", "C")
    assert tabib("history", "--width", "60").out.isascii()
    assert "metric" not in daemon.to("GET /v1/history")[-1].query
    assert tabib("history", "--json").json["charts"][0]["metric"] == "cpu_us"
    assert tabib("history", "--csv").out.startswith("at,project,")
    assert tabib("history", "--svg", "out.svg").code == 0
    assert (project / "out.svg").read_text().startswith("<svg ")
    assert tabib("history", "--svg", "/nowhere/x.svg").code == 2
    assert tabib("history", "--svg", "-", "--json").code == 2
