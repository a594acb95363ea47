"""Child: the next certificate over the live channel. ``python -m tramgac_agent.identity.renew``."""

import argparse
import sys
import time
from pathlib import Path

from tramgac_agent.config import DEFAULT_PATH, Config, load_config
from tramgac_agent.identity import ask
from tramgac_agent.identity.files import IdentityFiles
from tramgac_agent.identity.outcome import Outcome
from tramgac_agent.identity.server import Server
from tramgac_proto.v1 import enrollment_pb2 as pb
from tramgac_proto.v1 import enrollment_pb2_grpc


def renew(config: Config) -> str:
    """Renew with the key there is, so that key and certificate always fit.

    Raises:
        Outcome: Refused, unreachable, or nothing to renew.
    """
    files = IdentityFiles(config.state_dir)
    identity = ask.require_identity(files)
    if identity.judge(time.time_ns() // 1_000_000) == "expired":
        raise Outcome("expired")
    key = ask.read_key(identity.key_pem)
    server = Server.parse(config.collector.address, config.collector.server_name)
    with ask.open_channel(server, identity.ca_pem, identity) as channel:
        stub = enrollment_pb2_grpc.EnrollmentServiceStub(channel)
        issued = ask.require_issued(
            ask.call(stub.Renew, pb.RenewRequest(csr_der=ask.make_csr(key)))
        )
    files.store(issued, ask.validity_of(issued, key))
    return f"renewed agent {issued.agent_id}"


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 renewed, 75 ask again later, 1 refused."""
    parser = argparse.ArgumentParser(prog="tramgac-agent renew")
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)
    args = parser.parse_args(argv)
    return ask.finish(lambda: renew(load_config(args.config)))


if __name__ == "__main__":
    sys.exit(main())
