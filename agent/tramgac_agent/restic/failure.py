"""Why restic could not read: one type, one code, whatever the version said."""

from tramgac_agent.drop import State
from tramgac_agent.restic.wrapper import DEADLINE_PASSED, NOT_FOUND

_REFUSED = "wrong password or no key found"
_REFUSED_CODE = 12
# Since 0.17 (12: since 0.17.1); before that every failure is 1 and only the text tells.
_CODES: dict[int, State] = {
    10: "missing",
    _REFUSED_CODE: "blind_auth",
    DEADLINE_PASSED: "blind_timeout",
    NOT_FOUND: "blind_tool",
}
# First match wins: a missing password file also says "no such file".
_TEXTS: tuple[tuple[str, State], ...] = (
    (_REFUSED, "blind_auth"),
    ("password is empty", "blind_auth"),
    ("an empty password", "blind_auth"),
    ("resolving password failed", "blind_auth"),
    ("unable to open password", "blind_auth"),
    ("password command", "blind_auth"),
    ("permission denied", "blind_auth"),
    ("access denied", "blind_auth"),
    ("unauthorized", "blind_auth"),
    ("forbidden", "blind_auth"),
    ("unknown flag", "blind_tool"),
    ("unknown command", "blind_tool"),
    ("connection refused", "blind_unreachable"),
    ("no such host", "blind_unreachable"),
    ("could not resolve", "blind_unreachable"),
    ("no route to host", "blind_unreachable"),
    ("dial tcp", "blind_unreachable"),
    ("timeout", "blind_unreachable"),
    ("timed out", "blind_unreachable"),
    ("unreachable", "blind_unreachable"),
    ("connection reset", "blind_unreachable"),
    ("input/output error", "blind_unreachable"),
    ("stale file handle", "blind_unreachable"),
    ("does not exist", "missing"),
    ("no such file or directory", "missing"),
    ("is there a repository at the following location", "missing"),
)


def state_of(exit_code: int, text: str) -> State:
    """The state a failed restic leaves the repository in, as far as we can see.

    An unknown failure is ``blind_tool``: new exit codes may come with any version.
    """
    lowered = text.lower()
    said = next((state for marker, state in _TEXTS if marker in lowered), None)
    if exit_code == DEADLINE_PASSED and said == "blind_unreachable":
        return said  # newer versions go on trying, and say on what, until they are ended
    return _CODES.get(exit_code) or said or "blind_tool"


class ResticFailed(Exception):  # noqa: N818 - an outcome, turned into a state
    """A restic call did not give what was asked.

    Attributes:
        state: What that makes of the repository.
        exit_code: restic's or the wrapper's; 0 when the output was unusable.
        key_refused: The password is none of the repository's, whatever else may be wrong.
        text: End of its standard error. Names files: look for words in it, never pass it on.
    """

    def __init__(self, exit_code: int, text: str) -> None:
        # Only the code: restic's text names files.
        super().__init__(f"restic exit code {exit_code}")
        self.exit_code = exit_code
        self.text = text
        self.state: State = state_of(exit_code, text)
        self.key_refused = exit_code == _REFUSED_CODE or _REFUSED in text.lower()
