"""What is read in a Dockerfile before it is built."""

from __future__ import annotations

import pytest

from tabib.decide.dockerfile import buildkit_needs, find, images, instructions

TEXT = """\
# a comment
ARG BASE=busybox
FROM ${BASE} AS one

run echo a \\
  # a comment within
  && echo b

COPY --chown=1:2 . /x
FROM one
CMD ["sleep", "1"]
"""


def test_instructions_and_their_lines() -> None:
    found = [(one.word, one.rest, one.line) for one in instructions(TEXT)]
    assert found == [
        ("ARG", "BASE=busybox", 2),
        ("FROM", "${BASE} AS one", 3),
        ("RUN", "echo a && echo b", 5),
        ("COPY", "--chown=1:2 . /x", 9),
        ("FROM", "one", 10),
        ("CMD", '["sleep", "1"]', 11),
    ]
    assert buildkit_needs(TEXT) == []


def test_another_escape_and_here_documents() -> None:
    text = "# escape=`\nFROM a\nRUN one `\n two\nRUN <<EOF\nFROM nothing\nEOF\nUSER x\n"
    found = [(one.word, one.line) for one in instructions(text)]
    assert found == [("FROM", 2), ("RUN", 3), ("RUN", 5), ("USER", 8)]
    assert images(text) == {"a"}


@pytest.mark.parametrize(
    ("text", "need"),
    [
        ("# syntax=docker/dockerfile:1\nFROM a", "the directive `syntax`"),
        ("FROM a\nRUN --mount=type=cache,target=/c x", "RUN --mount (line 2)"),
        ("FROM a\nRUN --network=none --mount=type=tmpfs,target=/c x", "RUN --mount (line 2)"),
        ("FROM a\nCOPY --chown=1 --link a b", "COPY --link (line 2)"),
        ("FROM a\nCOPY --chmod=755 a b", "COPY --chmod (line 2)"),
        ("FROM a\nADD --checksum=sha256:1 http://x /y", "ADD --checksum (line 2)"),
        ("FROM a\nADD https://x/y.git#main /y", "ADD of a git repository (line 2)"),
        ("FROM a\nCOPY <<EOF /x\nhi\nEOF", "a here-document (line 2)"),
    ],
)
def test_what_needs_buildkit_is_named_with_its_line(text: str, need: str) -> None:
    assert need in buildkit_needs(text)


@pytest.mark.parametrize(
    "line",
    ["RUN echo --mount=x", "RUN x --link", "COPY a --link", "RUN cat <<< x", "CMD x <<EOF",
     "ADD http://x/y.tar.gz /y", "RUN echo $((1<<2))"],
)  # fmt: skip
def test_what_only_looks_like_it_needs_nothing(line: str) -> None:
    assert buildkit_needs(f"FROM a\n{line}\n") == []


def test_images_that_it_builds_on() -> None:
    text = (
        "FROM --platform=linux/amd64 reg:5000/a:1 AS x\nFROM x\nFROM scratch\n"
        "COPY --from=x /a /b\nCOPY --from=0 /a /b\nCOPY --from=other:2 /a /b\n"
        "RUN --mount=type=bind,from=third,target=/t x\n"
    )
    assert images(text) == {"reg:5000/a:1", "other:2", "third"}


def test_an_instruction_is_found_by_the_words_of_a_builder() -> None:
    one = find(TEXT, "RUN   echo a   && echo b")
    assert one is not None
    assert one.line == 5
    assert find(TEXT, "LABEL a=b") is None
