"""``exit.*``: what the exit code, the engine's error and the last words of the log tell."""

from __future__ import annotations

import re

from tabib.decide.diagnose.heard import finding, said
from tabib.decide.diagnose.log_text import LINE_CHARACTERS
from tabib.decide.diagnose.rule import (
    DEATHS,
    Rule,
    exit_evidence,
    from_engine,
    from_log,
    last_lines,
    last_match,
    quote,
)
from tabib.model.incident import Case, Evidence, Finding

YOUNG_S = 60.0
_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS"}
_SIGNALS |= {8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM"}
_SENT_BY_OTHERS = frozenset({1, 2, 3, 9, 15})
"""Signals that processes do not die of by their own fault."""

_NO_COMMAND = re.compile(
    r'exec: "([^"]+)": (?:executable file not found|stat [^:]+: no such file)'
    r'|exec: "([^"]+)": no such file',
)
_SHELL_NOT_FOUND = re.compile(r"([^\s:]+): (?:command )?not found$|not found: (\S+)$")
_NOT_EXECUTABLE = re.compile(r'exec: "([^"]+)": permission denied')
_SHELL_DENIED = re.compile(r"([^\s:]+): [Pp]ermission denied")
_EXEC_FORMAT = re.compile(r"exec (?:user process caused: )?.*exec format error", re.IGNORECASE)
_ENV_NAME = r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z]{3,}[A-Z0-9]*)\b"
_MISSING_ENV = re.compile(
    r"KeyError: ['\"]([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)['\"]"
    r"|" + _ENV_NAME + r": (?:parameter (?:null or )?not set|unbound variable|must be set)"
    r"|(?:[Ee]nvironment )?[Vv]ariable ['\"`]?" + _ENV_NAME + r"['\"`]? (?:is|was|must)"
    r"(?: be)? (?:not )?(?:set|defined|required|missing)"
    r"|[Mm]issing (?:required )?(?:environment )?variable:? ['\"`]?" + _ENV_NAME + r""
    r"|" + _ENV_NAME + r"['\"`]? (?:must be set|is required|is not set|is missing|not specified)"
)
_ERROR_LINE = re.compile(
    r"\b(?:panic|fatal|exception|[a-z.]{0,40}error)\b\s*[:\]-]|^panic: |Exception in thread",
    re.IGNORECASE,
)


def signal_name(code: int | None) -> str:
    """The name of the signal that ``128 + signal`` stands for, else an empty text."""
    if code is None or not 128 < code < 160:
        return ""
    return _SIGNALS.get(code - 128, f"signal {code - 128}")


def last_words(case: Case) -> Evidence | None:
    """The last log line that says what went wrong: an error's line, else the last line at all."""
    lines = [line[:LINE_CHARACTERS] for line in case.log_tail if line.strip()]
    found = last_match(_ERROR_LINE, lines[-40:])
    text = found.string if found else (lines[-1] if lines else "")
    return Evidence(source="log", text=quote(text)) if text else None


def _died(case: Case) -> bool:
    return case.trigger in DEATHS


def _young(case: Case) -> bool:
    """It ended soon after its start: what is missing in its configuration shows at once."""
    if case.started_at is None or case.finished_at is None:
        return True
    return (case.finished_at - case.started_at).total_seconds() <= YOUNG_S


def _changes(case: Case) -> tuple[Evidence, ...]:
    return tuple(Evidence(source="config", text=line) for line in case.config_changes[:5])


def _found(code: str, summary: str, *evidence: Evidence | None, severity: str = "error") -> Finding:
    kept = tuple(piece for piece in evidence if piece is not None)
    return Finding(code=code, severity=severity, summary=summary, evidence=kept)


def _command_not_found(case: Case) -> Finding | None:
    code = "exit.command-not-found"
    found = _NO_COMMAND.search(case.engine_error)
    if found:
        name = found.group(1) or found.group(2)
        return _found(
            code, f"its command {name} is not in the image", from_engine(case, _NO_COMMAND)
        )
    if not _died(case) or case.exit_code != 127 or case.engine_error:
        return None
    said = last_match(_SHELL_NOT_FOUND, case.log_tail)
    name = (said.group(1) or said.group(2)) if said else "a command"
    return _found(
        code,
        f"a script in it calls {name}, which is not in the image",
        exit_evidence(case),
        from_log(case, _SHELL_NOT_FOUND) or last_words(case),
    )


def _not_executable(case: Case) -> Finding | None:
    code = "exit.not-executable"
    found = _NOT_EXECUTABLE.search(case.engine_error)
    if found:
        summary = f"its command {found.group(1)} is not executable"
        return _found(code, summary, from_engine(case, _NOT_EXECUTABLE))
    if not _died(case) or case.exit_code != 126 or case.engine_error:
        return None
    said = last_match(_SHELL_DENIED, case.log_tail)
    name = said.group(1) if said else "its command"
    evidence = (exit_evidence(case), from_log(case, _SHELL_DENIED) or last_words(case))
    return _found(code, f"{name} is not executable", *evidence)


def _exec_format(case: Case) -> Finding | None:
    evidence = from_engine(case, _EXEC_FORMAT) or from_log(case, _EXEC_FORMAT)
    if not _died(case) or evidence is None or case.exit_code == 0:
        return None
    summary = "its program is built for another processor, or is a script without #! line"
    return _found("exit.exec-format", summary, evidence, exit_evidence(case))


def _missing_env(case: Case) -> Finding | None:
    if not _died(case) or case.exit_code in (0, None):
        return None
    if not _young(case):
        return None
    found = last_match(_MISSING_ENV, last_lines(case))
    if found is None:
        return finding(case, "exit.missing-env")
    name = next(group for group in found.groups() if group)
    said = Evidence(source="log", text=quote(found.string))
    summary = f"it wants the environment variable {name}, which is not set"
    return _found("exit.missing-env", summary, said, exit_evidence(case), *_changes(case))


def _app_error(case: Case) -> Finding | None:
    if not _died(case) or case.engine_error or case.exit_code in (0, 126, 127, 137, 139):
        return None
    name = signal_name(case.exit_code)
    if name and case.exit_code is not None and case.exit_code - 128 in _SENT_BY_OTHERS:
        return None
    words = last_words(case)
    last = said(case).complaint
    threw = last.thrown if last is not None else None
    if threw is not None and not threw.general:
        words = Evidence(source="log", text=quote(threw.told))
    how = f"ended with {name} (exit {case.exit_code})" if name else f"exited with {case.exit_code}"
    if case.exit_code is None:
        how = "ended; its exit code could not be had"
    summary = f"it {how}" + (f": {words.text}" if words else ", without a word in its log")
    return _found("exit.app-error", quote(summary), words, exit_evidence(case), *_changes(case))


def _killed(case: Case) -> Finding | None:
    name = signal_name(case.exit_code)
    if not _died(case) or case.exit_code is None or not name:
        return None
    signal = case.exit_code - 128
    if signal not in _SENT_BY_OTHERS or case.oom_killed or case.oom_event:
        return None
    if case.engine_error:
        return None
    through = signal in case.kill_signals
    whence = "through the engine" if through else "from outside"
    unseen = "no kill through the engine and no out-of-memory event"
    absent = Evidence(
        source="absent", text=unseen if case.events else "no events of that time could be had"
    )
    return _found(
        "exit.killed",
        f"killed by {name} {whence} (exit {case.exit_code})",
        exit_evidence(case),
        None if through else absent,
    )


def _segfault(case: Case) -> Finding | None:
    if not _died(case) or case.exit_code != 139:
        return None
    summary = "its program crashed: invalid memory access (SIGSEGV, exit 139)"
    return _found("exit.segfault", summary, exit_evidence(case), last_words(case))


def _stop_timeout(case: Case) -> Finding | None:
    asked, *rest = case.kill_signals or (9,)
    if case.exit_code != 137 or asked == 9 or 9 not in rest:
        return None
    summary = f"it ignored {_SIGNALS.get(asked, asked)} and was killed when its grace ended"
    signals = Evidence(source="event", text=f"signals sent: {case.kill_signals}")
    return _found("exit.stop-timeout", summary, signals, severity="warning")


def _finished(case: Case) -> Finding | None:
    if not _died(case) or case.exit_code != 0:
        return None
    summary = "a service that is meant to run ended by itself without an error (exit 0)"
    return _found(
        "exit.finished", summary, exit_evidence(case), last_words(case), severity="warning"
    )


RULES = (
    Rule(
        code="exit.command-not-found",
        check=_command_not_found,
        explain="The program that the container shall run does not exist in its image.",
        advice="Correct `command:` or `entrypoint:`, or use an image that has the program.",
        confidence=0.97,
        restart_helps=False,
        explains=("engine.start-refused", "exit.app-error"),
    ),
    Rule(
        code="exit.not-executable",
        check=_not_executable,
        explain="The program exists, but its file mode or file system forbids running it.",
        advice="Make the file executable in the image (chmod +x) and build it again.",
        confidence=0.95,
        restart_helps=False,
        explains=("engine.start-refused", "exit.app-error", "storage.volume-permission"),
    ),
    Rule(
        code="exit.exec-format",
        check=_exec_format,
        explain="The kernel cannot run the program: wrong architecture or no interpreter line.",
        advice="Use the image of this machine's platform, or begin the script with #!/bin/sh.",
        confidence=0.97,
        restart_helps=False,
        explains=("exit.app-error", "engine.start-refused"),
    ),
    Rule(
        code="exit.missing-env",
        check=_missing_env,
        explain="The application ended because an environment variable is missing.",
        advice="Set the variable in `environment:` or the .env file, then run `tabib up`.",
        confidence=0.9,
        restart_helps=False,
        explains=("exit.app-error",),
    ),
    Rule(
        code="exit.app-error",
        check=_app_error,
        explain="The application ended by itself with an error.",
        advice="Read the quoted log line; `tabib logs` shows what came before it.",
        confidence=0.6,
    ),
    Rule(
        code="exit.killed",
        check=_killed,
        explain="A signal ended the main process; the application did not fail by itself.",
        advice="Find who sent the signal: a person, a script or the kernel on the host.",
        confidence=0.85,
    ),
    Rule(
        code="exit.segfault",
        check=_segfault,
        explain="Native code in the application touched memory that it must not touch.",
        advice="Report it to the makers of the program; try the previous image version.",
        confidence=0.9,
    ),
    Rule(
        code="exit.stop-timeout",
        check=_stop_timeout,
        explain="The container did not react to the polite stop signal and had to be killed.",
        advice="Set `init: true`, handle SIGTERM, or give a longer `stop_grace_period`.",
        confidence=0.9,
        explains=("exit.killed",),
    ),
    Rule(
        code="exit.finished",
        check=_finished,
        explain="The service ended on purpose; a service is expected to keep running.",
        advice="If it is a job, say `x-tabib: {job: true}`; else find out why it ends.",
        confidence=0.7,
    ),
)
