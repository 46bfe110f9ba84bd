"""What people and programs read when a file is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from compose.memory import load_files, load_text
from tabib.model.errors import ConfigError


def problems(text: str | bytes, **request: Any) -> list[dict[str, Any]]:
    with pytest.raises(ConfigError) as caught:
        load_text(text, **request)
    found: list[dict[str, Any]] = caught.value.details["problems"]
    return found


def test_a_problem_has_place_path_source_and_suggestion() -> None:
    [problem] = problems("services:\n  web:\n    imag: nginx\n    build: .\n")
    assert problem == {
        "file": "/project/compose.yaml",
        "line": 3,
        "column": 5,
        "path": "services.web.imag",
        "message": "unknown key 'imag'",
        "suggestion": "did you mean 'image'?",
        "source": "    imag: nginx",
    }


def test_the_text_shows_the_line_with_a_caret() -> None:
    with pytest.raises(ConfigError) as caught:
        load_text("services:\n  web:\n    imag: nginx\n    build: .\n")
    assert str(caught.value).splitlines() == [
        "/project/compose.yaml:3:5: services.web.imag: unknown key 'imag'",
        "        imag: nginx",
        "        ^",
        "    did you mean 'image'?",
    ]


def test_all_problems_of_a_file_come_at_once() -> None:
    found = problems(
        "services:\n"
        "  a: {image: x, prots: []}\n"
        "  b: {image: 5}\n"
        "  c: {image: x, depends_on: {d: {condition: healthy}}}\n"
        "volume: {}\n"
    )
    assert [(p["line"], p["path"]) for p in found] == [
        (2, "services.a.prots"),
        (3, "services.b.image"),
        (4, "services.c.depends_on.d.condition"),
        (5, "volume"),
    ]


def test_all_semantic_problems_come_at_once() -> None:
    found = problems(
        "services:\n"
        "  a: {image: x, networks: [nett], volumes: ['daata:/x'], secrets: [s]}\n"
        "  b: {image: x, depends_on: [c]}\n"
        "networks: {net: }\n"
        "volumes: {data: }\n"
    )
    assert {p["path"]: p["suggestion"] for p in found} == {
        "services.a.networks.nett": "did you mean 'net'?",
        "services.a.volumes[0]": "did you mean 'data'?",
        "services.a.secrets[0]": "define it under 'secrets:' at the top level",
        "services.b.depends_on.c": "",
    }
    assert all(p["line"] in (2, 3) and p["column"] > 1 for p in found)


def test_a_cycle_is_printed() -> None:
    [problem] = problems(
        "services:\n"
        "  a: {image: x, depends_on: [b]}\n"
        "  b: {image: x, links: [c]}\n"
        "  c: {image: x, network_mode: 'service:a'}\n"
    )
    assert problem["message"] == "services wait for each other: a → b → c → a"


def test_of_several_forms_the_one_that_was_written_is_judged() -> None:
    [problem] = problems("services:\n  a:\n    build:\n      contxt: .\n")
    assert (problem["path"], problem["line"]) == ("services.a.build.contxt", 4)
    assert problem["suggestion"] == "did you mean 'context'?"


def test_a_merged_value_points_to_the_file_it_came_from() -> None:
    with pytest.raises(ConfigError) as caught:
        load_files(
            {
                "compose.yaml": "services:\n  a: {image: x}\n",
                "compose.override.yaml": "services:\n  a:\n    ports: ['1:x']\n",
            }
        )
    [problem] = caught.value.details["problems"]
    assert problem["file"] == "/project/compose.override.yaml"
    assert problem["line"] == 3


def test_a_required_variable_names_its_reason_and_place() -> None:
    [problem] = problems("services:\n  a:\n    image: 'x:${TAG:?set the tag}'\n")
    assert problem["message"] == "required variable TAG is missing a value: set the tag"
    assert (problem["line"], problem["path"]) == (3, "services.a.image")


def test_no_file_says_where_it_was_looked_for() -> None:
    with pytest.raises(ConfigError) as caught:
        load_files({})
    assert "no Compose file in /project" in str(caught.value)
    assert "-f" in caught.value.details["problems"][0]["suggestion"]


def test_a_missing_env_file_points_to_its_line() -> None:
    [problem] = problems("services:\n  a:\n    image: x\n    env_file: nowhere.env\n")
    assert problem["message"] == "the file /project/nowhere.env does not exist"
    assert problem["line"] == 4


def test_a_bad_line_of_an_env_file_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        load_files(
            {
                "compose.yaml": "services: {a: {image: x, env_file: a.env}}",
                "a.env": "GOOD=1\n\nB@D=2\n",
            }
        )
    [problem] = caught.value.details["problems"]
    assert (problem["file"], problem["line"]) == ("/project/a.env", 3)


def test_warnings_have_places_and_do_not_refuse() -> None:
    project = load_text("version: '3'\nservices:\n  a:\n    image: x${TAG}\n")
    assert [(w.line, w.message.split(" ")[0]) for w in project.warnings] == [
        (4, "the"),
        (1, "'version'"),
    ]


def test_a_disabled_dependency_names_its_profiles() -> None:
    [problem] = problems(
        "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, profiles: [dev, test]}\n"
    )
    assert problem["message"] == "the service 'b' is disabled"
    assert problem["suggestion"] == "it has the profiles: dev, test"


def test_problems_of_all_stages_come_at_once_in_file_order() -> None:
    found = problems(
        "services:\n"
        "  a: {image: 'x:${TAG:?set it}', depends_on: [gone]}\n"
        "  b: {image: x, prots: [], extends: nobody}\n"
        "  c: {image: x, ports: ['80:x'], networks: [nowhere]}\n"
        "  d: {image: x, mem_limit: much, depends_on: {e: {condition: well}}}\n"
        "  e: {image: x, volumes: ['daata:/x']}\n"
        "volumes: {data: }\n"
    )
    assert [(p["line"], p["path"]) for p in found] == [
        (2, "services.a.image"),
        (2, "services.a.depends_on.gone"),
        (3, "services.b.prots"),
        (3, "services.b.extends"),
        (4, "services.c.ports[0]"),
        (4, "services.c.networks.nowhere"),
        (5, "services.d.mem_limit"),
        (5, "services.d.depends_on.e.condition"),
        (6, "services.e.volumes[0]"),
    ]


def test_what_only_follows_from_a_problem_is_not_told() -> None:
    [problem] = problems("services:\n  a: {image: 5}\n  b: {image: x, depends_on: [a]}\n")
    assert problem["path"] == "services.a.image"
    [problem] = problems("services:\n  a: text\n  b: {image: x, depends_on: [a]}\n")
    assert problem["path"] == "services.a"


def test_files_are_told_in_the_order_in_which_they_are_read() -> None:
    with pytest.raises(ConfigError) as caught:
        load_files(
            {
                "z.yaml": "services:\n  a: {image: x, prots: []}\n",
                "b.yaml": "services:\n  a: {depends_on: [c], tity: true}\n",
            },
            environment={"COMPOSE_FILE": "z.yaml:b.yaml"},
        )
    found = caught.value.details["problems"]
    assert [(p["file"].rpartition("/")[2], p["path"]) for p in found] == [
        ("z.yaml", "services.a.prots"),
        ("b.yaml", "services.a.depends_on.c"),
        ("b.yaml", "services.a.tity"),
    ]


def test_problems_of_the_including_and_the_included_file_come_together() -> None:
    with pytest.raises(ConfigError) as caught:
        load_files(
            {
                "compose.yaml": "include: [sub/one.yaml]\nservices:\n  a: {image: x, prots: []}\n",
                "sub/one.yaml": "services:\n  b: {image: y, depends_on: [nobody], imag: z}\n",
            }
        )
    assert [p["path"] for p in caught.value.details["problems"]] == [
        "services.a.prots",
        "services.b.depends_on.nobody",
        "services.b.imag",
    ]


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("services:\n\ta:\n", (2, 1), "indent with spaces"),
        ("services:\n  a:\n    image: x\n\tports: []\n", (4, 1), "indent with spaces"),
        ("services:\n  a:\n    image: x\n   ports: []\n", (4, 4), "indent it as the lines above"),
        ("services:\n  a:\n    image x\n    ports: []\n", (4, 10), "the line above lacks its ':'"),
        ("services: {a: {image: x}}\nx-a: @b\n", (2, 6), "that begins with '@' stands in quotes"),
        ("services: {a: {image: x}}\nx-a: b: c\n", (2, 7), "that holds ': ' stands in quotes"),
        ('services: {a: {image: x}}\nx-a: "b\nx-b: c\n', (2, 6), "the quote that begins here"),
        ("services:\n  a: {image: x\n  b: {image: y}\n", (2, 6), "the '{' that begins here"),
        ("services:\n  a:\n    command: [a, b\n    image: x\n", (3, 14), "the '[' that begins"),
        ("services:\n&a", (2, 1), "a key ends with ':'"),
        ("services:\n  a:\n    image: x\n    tty\n", (4, 5), "a key ends with ':'"),
    ],
)
def test_what_is_no_yaml_says_where_to_correct_it(
    text: str, place: tuple[int, int], hint: str
) -> None:
    [problem] = problems(text)
    assert (problem["line"], problem["column"]) == place
    assert hint in problem["suggestion"]


def test_an_empty_text_names_the_variable_that_is_not_set() -> None:
    text = 'services: {a: {image: x, ports: ["${PORT}"], mem_limit: "$MEM", cpus: ""}}\n'
    hints = [problem["suggestion"] for problem in problems(text)]
    assert any('"PORT" is not set' in hint for hint in hints)


def test_a_duration_without_a_unit_is_written_with_one() -> None:
    [problem] = problems("services: {a: {image: x, stop_grace_period: 10}}\n")
    assert problem["suggestion"] == 'write "10s" or "10m"'


def test_a_pattern_is_told_as_its_words() -> None:
    [problem] = problems("services: {a: {image: x, pull_policy: alwys}}\n")
    assert "always, never, build" in problem["message"]
    assert problem["suggestion"] == "did you mean 'always'?"


def test_what_is_wrong_as_a_whole_is_not_called_empty_too() -> None:
    [problem] = problems("services: [a]\n")
    assert "must be a mapping" in problem["message"]
