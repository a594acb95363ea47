"""The backup programs we know by name: what their exit codes and complaints mean.

Facts run here: restic 0.14.0, 0.18.0 and 0.19.1, borg 1.2.4, rsync, GNU tar 1.34. borg's codes
from 100 on (``BORG_EXIT_CODES=modern``, 1.4 and later) are from its documentation.
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import PurePath

_RESTIC_FLAGS = (
    "-r --repo --repository-file -p --password-file --password-command --key-hint --cacert"
    " --tls-client-cert --cache-dir --limit-upload --limit-download -o --option --compression"
    " --pack-size --retry-lock --http-user-agent --stuck-request-timeout"
)
_BORG_FLAGS = (
    "--lock-wait --umask --rsh --remote-path --debug-topic --debug-profile --upload-ratelimit"
    " --upload-buffer --remote-ratelimit --remote-buffer"
)
_PREFIX_WORDS = 8  # `sudo -u USER nice -n 10 ...` before the program itself
_PREFIXES = (
    "chroot chrt doas docker env flock ionice nice nohup nsenter podman runuser setpriv setsid"
    " ssh stdbuf sudo systemd-inhibit systemd-run taskset timeout unshare"
)
_USER_FLAGS = frozenset({"-u", "-g", "-U", "--user", "--group"})  # `sudo -u restic rsync ...`
# Of rsync and borg, also in a cluster such as -avn; not the value of -e, -f and the like.
_DRY = re.compile(r"--dry-run|-[^\W\d_efTBMC]*n[A-Za-z]*")


@dataclass(frozen=True, slots=True)
class Tool:
    """One program.

    Attributes:
        saving: Its commands that save something; empty when it has no commands.
        value_flags: Its global flags that take the next word.
        partial: Exit codes of a run that saved, but not everything.
        reasons: Reason codes of failures that have an exit code of their own.
        missing: A line of standard error that tells of a source that was not there.
        unreadable: One that tells of a file that could not be read.
        runs_dry: Takes ``-n`` and does not mention it in what it reports.
    """

    name: str
    saving: AbstractSet[str] = frozenset()
    value_flags: AbstractSet[str] = frozenset()
    partial: AbstractSet[int] = frozenset()
    reasons: Mapping[int, str] = field(default_factory=dict)
    missing: re.Pattern[str] | None = None
    unreadable: re.Pattern[str] | None = None
    runs_dry: bool = False


OTHER = Tool("other")
RESTIC = Tool(
    "restic",
    saving=frozenset({"backup", "copy"}),
    value_flags=frozenset(_RESTIC_FLAGS.split()),
    partial=frozenset({3}),
    # Since 0.17 (12: since 0.17.1); before that all of these are 1.
    reasons={10: "no_repository", 11: "locked", 12: "wrong_password"},
    # Before 0.19 restic says this and exits 0 while other sources remain.
    missing=re.compile(r" does not exist, skipping\Z"),
    unreadable=re.compile(r"\Aerror: "),
)
_BORG = Tool(
    "borg",
    saving=frozenset({"create", "import-tar"}),
    value_flags=frozenset(_BORG_FLAGS.split()),
    partial=frozenset({1, *range(100, 128)}),
    # Of a source itself no failed operation is named before the bracket.
    missing=re.compile(r"\A(?!.*: \w+: \[Errno ).*: \[Errno 2\] [^:]+: '"),
    unreadable=re.compile(r": \w+: \[Errno \d+\]|: file changed while we backed it up"),
    runs_dry=True,
)
_RSYNC = Tool(
    "rsync",
    partial=frozenset({23, 24}),
    reasons=dict.fromkeys((10, 12, 30, 35), "unreachable"),
    missing=re.compile(r'\Arsync: (\[sender\] )?link_stat ".*" failed: No such file'),
    unreadable=re.compile(r"\Arsync: \[sender\] (?!link_stat)|\Afile has vanished: "),
    runs_dry=True,
)
_TAR = Tool(
    "tar",
    partial=frozenset({1}),
    missing=re.compile(r"\Atar: .*: Cannot stat: No such file or directory\Z"),
    unreadable=re.compile(
        r"\Atar: .*: (Cannot (open|stat|read)|Read error|file changed as we read it"
        r"|File removed before we read it)"
    ),
)
_CODE_ONLY = ("pg_dump", "pg_dumpall", "pg_basebackup", "mysqldump", "mariadb-dump")
TOOLS: Mapping[str, Tool] = {
    tool.name: tool for tool in (RESTIC, _BORG, _RSYNC, _TAR, *(Tool(name) for name in _CODE_ONLY))
}


@dataclass(frozen=True, slots=True)
class Job:
    """The command as far as it matters here.

    Attributes:
        saves: False for a command that saves nothing, such as ``restic forget``.
        tells: restic was asked for JSON, so its summary can be expected.
        dry: It only says what it would do.
        timed: ``timeout`` stands before it, so that 124 means too late.
        prefixed: Another program starts it, which says 126 or 127 when it cannot.
    """

    tool: Tool
    saves: bool = True
    tells: bool = False
    dry: bool = False
    timed: bool = False
    prefixed: bool = False

    @classmethod
    def of(cls, command: Sequence[str]) -> "Job":
        """Recognise the program, also behind ``nice`` or ``sudo``."""
        names = [PurePath(word).name for word in command[:_PREFIX_WORDS]]
        prefixed = names[0] in _PREFIXES.split()
        index = _program(names, prefixed=prefixed)
        timed = prefixed and "timeout" in (names if index < 0 else names[:index])
        if index < 0:
            return cls(OTHER, timed=timed, prefixed=prefixed)
        tool, rest = TOOLS[names[index]], command[index + 1 :]
        asked = _asked(tool, rest)
        return cls(
            tool,
            saves=not tool.saving or asked in tool.saving,
            tells=tool is RESTIC and asked == "backup" and "--json" in rest,
            dry=tool.runs_dry and any(_DRY.fullmatch(word) for word in rest),
            timed=timed,
            prefixed=prefixed,
        )


def _program(names: Sequence[str], *, prefixed: bool) -> int:
    """Where the program stands, or -1.

    restic is also found behind a program that is not known here: not to see it would let a run
    pass as complete that left a source out.
    """
    if names[0] in TOOLS:
        return 0
    for index, name in enumerate(names[1:], 1):
        known = name in TOOLS if prefixed else name == RESTIC.name
        # The same name twice: the first is a lock file or a folder.
        if known and names[index - 1] not in _USER_FLAGS and names[index + 1 : index + 2] != [name]:
            return index
    return -1


def _asked(tool: Tool, words: Sequence[str]) -> str:
    """The tool's own command: not a flag's value (``-r backup``), nor an argument.

    A flag that is not known here, with a value of its own, makes a run that saves look like one
    that does not: wrong on the safe side.
    """
    rest = iter(words)
    for word in rest:
        if word in tool.value_flags:
            next(rest, "")
        elif not word.startswith("-"):
            return word
    return ""
