"""Why a device could not be asked, as far as that can be known."""

from pysnmp.proto import errind

# The most telling first: some of these are special cases of others.
_CODES: tuple[tuple[type[errind.ErrorIndication], str], ...] = (
    (errind.UnknownUserName, "unknown_user"),
    (errind.WrongDigest, "wrong_digest"),
    (errind.DecryptionError, "wrong_privacy_key"),
    (errind.NotInTimeWindow, "not_in_time_window"),
    (errind.UnknownEngineID, "unknown_engine"),
    (errind.UnsupportedSecurityLevel, "security_level"),
    (errind.UnknownCommunityName, "wrong_community"),
    (errind.NoSuchContext, "no_such_context"),
    (errind.OidNotIncreasing, "non_increasing"),
    (errind.RequestTimedOut, "timeout"),
    (errind.AuthenticationFailure, "wrong_digest"),
    (errind.AuthenticationError, "wrong_digest"),
)


class SnmpFailed(Exception):  # noqa: N818 - an outcome, reported like any other
    """The device did not tell what it was asked.

    Args:
        code: timeout | unresolved | bad_secret_file | unknown_user | wrong_digest |
            wrong_privacy_key | not_in_time_window | unknown_engine | security_level |
            wrong_community | no_such_context | access_denied | non_increasing |
            too_many_rows | malformed | too_slow | error_status. A wrong community looks like
            ``timeout``: devices do not answer it.
        text: For the log of this host.
    """

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.code = code


def code_of(indication: object) -> str:
    """The code of what pysnmp says went wrong."""
    return next((code for kind, code in _CODES if isinstance(indication, kind)), "malformed")
