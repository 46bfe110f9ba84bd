"""How containers end. The last file of its folder: it ends two of the project's."""

from __future__ import annotations

from e2e.properties.conftest import Properties


def test_stopping_is_as_the_file_says(project: Properties) -> None:
    project.run("stop", "said", "words").well()
    assert (project.folder / "kept" / "stopped").read_text() == "65534\n", "pre_stop, as nobody"
    state = project.tabib.inspect(project.container("words"))
    assert state is not None
    assert state["State"]["ExitCode"] == 0
    assert state["Config"]["StopTimeout"] == 7
    said = project.run("logs", "words").well().out
    assert "got-usr1" in said, "stop_signal"
