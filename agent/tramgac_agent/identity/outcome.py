"""How asking for an identity can end, in words for the person who can act."""

REFUSED = 1
TRY_LATER = 75  # EX_TEMPFAIL of sysexits.h

_TRANSIENT = frozenset(
    {
        "changed_meanwhile",
        "nonce_unknown",
        "pending",
        "pending_full",
        "rate_limited",
        "signer_failed",
        "store_unavailable",
        "unreachable",
    }
)

_NEW_TOKEN = "make a new one with `tramgac-collector token create`"  # noqa: S105 - advice

ADVICE = {
    "token_missing": "give a token by --token-file, by TRAMGAC_TOKEN or on standard input; "
    "without one, give --ca-file and ask the centre to approve this host",
    "token_malformed": "this is not a whole enrolment token; copy all of `tg1....`",
    "token_unknown": f"the centre does not know this token; {_NEW_TOKEN}",
    "token_expired": f"the token is too old; {_NEW_TOKEN}",
    "token_used": f"every use of the token is spent; {_NEW_TOKEN}",
    "token_wrong_host": "the token is for another host name; see --host",
    "host_invalid": "a host name is made of a-z, 0-9, `-` and `.`; see --host",
    "host_taken": "another machine reports under this name; choose another --host, or make a "
    "token for just this host (`token create --host`) to replace that machine",
    "key_in_use": "this key belongs to another host or machine (a copied disk?); "
    "`tramgac-agent enroll --force` makes a new key",
    "use_rejoin": "the certificate of this key ran out; `tramgac-agent run` asks to come back",
    "denied": "the centre denied this agent; `tramgac-collector agents allow` would end that",
    "superseded": "another machine took over this host's name with a newer token",
    "pending": "the centre must approve: `tramgac-collector agents list --pending`",
    "pending_full": "too many hosts wait for approval at the centre",
    "rate_limited": "too many requests from this address",
    "signer_failed": "the centre's CA could not sign; see the collector's log",
    "store_unavailable": "the centre cannot store anything now; see the collector's log",
    "changed_meanwhile": "something changed at the centre during the request",
    "nonce_unknown": "the challenge was used or is too old",
    "signature_wrong": "the key on this host is not that of its certificate; "
    "`tramgac-agent enroll --force` makes a new identity",
    "client_certificate_missing": "this is the enrolment port; `address` in [collector] must be "
    "the reporting port",
    "csr_too_large": "the signing request is too large",
    "csr_malformed": "the signing request is not readable",
    "csr_signature": "the signing request is not signed by its key",
    "csr_key": "the centre does not take this kind of key",
    "agent_unknown": "the centre does not know this agent any more (restored from an old "
    f"backup?); {_NEW_TOKEN} and enroll with --force",
    "certificate_foreign": "the certificate is not of this centre; wrong collector address?",
    "ca_pin_mismatch": "the server that answered is not the one the token was made by: wrong "
    "address, or somebody in between. The token was not sent",
    "ca_wrong": "the server's certificate is not signed by the CA we trust",
    "clock_behind": "the server's certificate is not valid *yet* by this host's clock; set it",
    "clock_ahead": "the server's certificate has run out by this host's clock; check the clock "
    "first, then the collector",
    "server_name": "the server's certificate is for other names; set `names` in the "
    "collector's [collector], or `server_name` in the agent's",
    "unreachable": "no connection; is the address right, the port open, the collector running?",
    "not_enrolled": "this host has no identity; run `tramgac-agent enroll`",
    "expired": "the certificate has run out; renewing needs a valid one, so rejoin",
    "damaged": "the identity files are damaged; `tramgac-agent enroll --force` makes them anew",
    "answer_invalid": "the centre's answer does not fit the request",
}


class Outcome(Exception):  # noqa: N818 - most of them are answers, not errors
    """No identity was issued.

    Args:
        code: Stable; from the collector, or one of this module's own.
        detail: What was seen, added to the advice.
    """

    def __init__(self, code: str, detail: str = "", retry_seconds: int = 0) -> None:
        advice = ADVICE.get(code, "refused by the centre")
        super().__init__(f"{code}: {advice}" + (f" ({detail})" if detail else ""))
        self.code = code
        self.retry_seconds = retry_seconds

    @property
    def exit_code(self) -> int:
        """75 if asking again later may help, else 1."""
        return TRY_LATER if self.code in _TRANSIENT else REFUSED
