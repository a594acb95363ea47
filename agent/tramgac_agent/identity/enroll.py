"""Child: token -> signing request -> certificate. ``python -m tramgac_agent.identity.enroll``."""

import argparse
import os
import random
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tramgac_agent.config import DEFAULT_PATH, Config, load_config
from tramgac_agent.identity import ask
from tramgac_agent.identity.files import IdentityFiles
from tramgac_agent.identity.outcome import TRY_LATER, Outcome
from tramgac_agent.identity.server import Server, ca_by_pin, enrollment_server, judge
from tramgac_proto import __version__
from tramgac_proto.v1 import enrollment_pb2 as pb
from tramgac_proto.v1 import enrollment_pb2_grpc

TOKEN_VARIABLE = "TRAMGAC_TOKEN"  # noqa: S105 - a name, not a secret
_MAX_TOKEN_CHARS = 256
_TOKEN_PARTS = 4
_MIN_WAIT_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person at the terminal asked for.

    Attributes:
        token_file: ``-`` is standard input; empty means the environment.
        ca_file: Trust anchor for a request without a token.
        wait_seconds: How long to go on asking while the answer is "later".
    """

    host: str
    token_file: str = ""
    ca_file: str = ""
    wait_seconds: float = 0.0
    force: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of child and command."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)
    parser.add_argument("--token-file", default="", help="file with the token; - for stdin")
    parser.add_argument("--ca-file", default="", help="trust this CA (only without a token)")
    parser.add_argument("--host", default="", help="name of this host; its short name if absent")
    parser.add_argument("--wait", type=float, default=0.0, help="seconds to wait for approval")
    parser.add_argument("--force", action="store_true", help="replace the identity there is")


def wish_of(args: argparse.Namespace) -> Wish:
    """Read the arguments."""
    host = args.host or socket.gethostname().partition(".")[0].lower()
    return Wish(host, args.token_file, args.ca_file, args.wait, args.force)


def read_token(source: str) -> str:
    """The token from a file, standard input or the environment; never from the command line.

    Raises:
        Outcome: ``token_missing``: the file cannot be read or is empty.
    """
    if source == "-":
        text = sys.stdin.readline(_MAX_TOKEN_CHARS + 1)
    elif source:
        try:
            with Path(source).open(encoding="ascii") as file:
                text = file.readline(_MAX_TOKEN_CHARS + 1)
        except (OSError, UnicodeDecodeError) as error:
            raise Outcome("token_missing", f"{source}: {error}") from error
    else:
        return os.environ.pop(TOKEN_VARIABLE, "").strip()
    if not text.strip():
        raise Outcome("token_missing", f"{source}: empty")
    return text.strip()


def _trust(server: Server, token: str, ca_file: str) -> bytes:
    """The CA to trust, PEM: by the token's pin, or from a file that a person brought."""
    if token:
        parts = token.split(".")
        if len(parts) != _TOKEN_PARTS or len(token) > _MAX_TOKEN_CHARS:
            raise Outcome("token_malformed")
        return ca_by_pin(server, parts[3])
    if not ca_file:
        raise Outcome("token_missing")
    try:
        return Path(ca_file).read_bytes()
    except OSError as error:
        raise Outcome("ca_wrong", f"{ca_file}: {error}") from error


def _ask(config: Config, files: IdentityFiles, wish: Wish, token: str) -> pb.Identity:
    section = config.collector
    server = enrollment_server(section.address, section.enrollment_address, section.server_name)
    ca_pem = _trust(server, token, wish.ca_file)
    judge(server, ca_pem)
    if not files.new_key_path.exists():
        files.save_key(ask.new_key())
    key = ask.read_key(files.new_key_path.read_bytes())
    request = pb.EnrollRequest(
        csr_der=ask.make_csr(key),
        token=token,
        fingerprint=files.fingerprint(),
        host=wish.host,
        version=__version__,
    )
    with ask.open_channel(server, ca_pem) as channel:
        stub = enrollment_pb2_grpc.EnrollmentServiceStub(channel)
        issued = ask.require_issued(ask.call(stub.Enroll, request))
    files.store(issued, ask.validity_of(issued, key), adopt_new_key=True)
    return issued


def enroll(config: Config, wish: Wish) -> str:
    """Get an identity, or say that there is one; returns a line for the person.

    Raises:
        Outcome: There is none, and why.
    """
    files = IdentityFiles(config.state_dir)
    if not wish.force and files.certificate_path.exists():
        identity = ask.require_identity(files)
        place = f"{identity.facility}/{identity.site}/{identity.host}"
        return f"already enrolled as {place}, agent {identity.agent_id}"
    token = read_token(wish.token_file)
    deadline = time.monotonic() + wish.wait_seconds
    while True:
        try:
            issued = _ask(config, files, wish, token)
        except Outcome as outcome:
            pause = max(outcome.retry_seconds, _MIN_WAIT_SECONDS) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            left = deadline - time.monotonic()
            if outcome.exit_code != TRY_LATER or left <= 0:
                raise
            time.sleep(min(pause, left))
            continue
        return f"enrolled as {issued.facility}/{issued.site}/{issued.host}, agent {issued.agent_id}"


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 issued, 75 ask again later, 1 refused."""
    parser = argparse.ArgumentParser(prog="tramgac-agent enroll")
    add_arguments(parser)
    args = parser.parse_args(argv)
    return ask.finish(lambda: enroll(load_config(args.config), wish_of(args)))


if __name__ == "__main__":
    sys.exit(main())
