"""Which files a ``.dockerignore`` keeps out.

Each row of the table was compared with what the engine's own client sends. It looks into excluded
folders only by plain names; here a pattern that includes reaches into every one (``**`` then
``!**/*.md``), as the documentation says and as BuildKit does.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.dockerignore import BadPattern, Ignore, read

FILES = (
    "Dockerfile", "README.md", "a.txt", "b.txt", ".env", "dir/a.txt", "dir/b.md", "dir/sub/a.txt",
    "dir/sub/deep/c.txt", "node_modules/x/y.js", "src/node_modules/z.js", "temp1", "tempa/x",
    "with space", "[odd]", "a+b",
)  # fmt: skip


def left(rules: str) -> set[str]:
    ignore = read(rules)
    return {path for path in FILES if not ignore.excludes(path)}


@pytest.mark.parametrize(
    ("rules", "out"),
    [
        ("", set()),
        ("# a.txt\n\n   \n", set()),
        ("a.txt", {"a.txt"}),
        ("/a.txt", {"a.txt"}),
        ("./a.txt", {"a.txt"}),
        ("  a.txt  ", {"a.txt"}),
        ("\ufeffa.txt", {"a.txt"}),
        ("*.txt", {"a.txt", "b.txt"}),
        ("*/*.txt", {"dir/a.txt"}),
        ("**/*.txt", {"a.txt", "b.txt", "dir/a.txt", "dir/sub/a.txt", "dir/sub/deep/c.txt"}),
        ("**.txt", {"a.txt", "b.txt", "dir/a.txt", "dir/sub/a.txt", "dir/sub/deep/c.txt"}),
        ("**/node_modules", {"node_modules/x/y.js", "src/node_modules/z.js"}),
        ("node_modules/", {"node_modules/x/y.js"}),
        ("dir/**", {"dir/a.txt", "dir/b.md", "dir/sub/a.txt", "dir/sub/deep/c.txt"}),
        ("dir/**/a.txt", {"dir/a.txt", "dir/sub/a.txt"}),
        ("dir/sub/..", {"dir/a.txt", "dir/b.md", "dir/sub/a.txt", "dir/sub/deep/c.txt"}),
        ("temp?", {"temp1", "tempa/x"}),
        ("temp[0-9]", {"temp1"}),
        ("temp[^0-9]", {"tempa/x"}),
        ("with space", {"with space"}),
        (r"\[odd\]", {"[odd]"}),
        ("a+b", {"a+b"}),
        ("a?txt", {"a.txt"}),
        (".env", {".env"}),
        ("*.md\n!README.md", set()),
        ("!README.md\n*.md", {"README.md"}),
        ("dir\n!dir/b.md", {"dir/a.txt", "dir/sub/a.txt", "dir/sub/deep/c.txt"}),
        ("dir\n!dir/sub\ndir/sub/deep", {"dir/a.txt", "dir/b.md", "dir/sub/deep/c.txt"}),
        ("*\n!dir\n!Dockerfile", set(FILES) - {"Dockerfile", *(f for f in FILES if "dir/" in f)}),
        ("**\n!**/*.md", set(FILES) - {"README.md", "dir/b.md"}),
        ("! a.txt\na.txt\n! a.txt", set()),
    ],
)
def test_what_stays_out(rules: str, out: set[str]) -> None:
    assert set(FILES) - left(rules) == out


@pytest.mark.parametrize(("rules", "line"), [("a\n!", 2), ("a\nb\n[", 3), ("x[a-", 1)])
def test_a_line_that_is_no_pattern_is_named(rules: str, line: int) -> None:
    with pytest.raises(BadPattern) as caught:
        read(rules)
    assert caught.value.line == line


def test_no_rules_keep_nothing_out() -> None:
    assert not Ignore().excludes("anything")
    assert not Ignore().may_hold("anything")


@pytest.mark.parametrize(
    ("rules", "folder", "may"),
    [
        ("dir\n!dir/b.md", "dir", True),
        ("dir\n!dir/b.md", "src", False),
        ("dir\n!**/b.md", "dir/sub", True),
        ("dir\n!*/b.md", "dir", True),
        ("dir", "dir", False),
    ],
)
def test_which_excluded_folders_have_to_be_looked_into(rules: str, folder: str, may: bool) -> None:
    assert read(rules).may_hold(folder) is may


_PARTS = st.sampled_from(["a", "b", "*", "**", "a*", "?"])
_PATTERNS = st.lists(_PARTS, min_size=1, max_size=3).map("/".join)
_LINES = st.lists(st.tuples(st.sampled_from(["", "!"]), _PATTERNS).map("".join), max_size=4)
_PATHS = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=2, max_size=4)


@given(_LINES, _PATHS)
def test_no_file_that_belongs_to_the_context_is_missed(lines: list[str], parts: list[str]) -> None:
    """Where a path comes in, each excluded folder above it has to be looked into."""
    ignore = read("\n".join(lines))
    if not ignore.excludes("/".join(parts)):
        for count in range(1, len(parts)):
            folder = "/".join(parts[:count])
            assert not ignore.excludes(folder) or ignore.may_hold(folder)
