"""Child: back through the quarantine door. ``python -m tramgac_agent.identity.rejoin``.

For a host whose certificate ran out while it was dark. The old key signs the collector's
nonce; the enrolment port asks for no client certificate, so an expired one does no harm.
"""

import argparse
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tramgac_agent.config import DEFAULT_PATH, Config, load_config
from tramgac_agent.identity import ask
from tramgac_agent.identity.files import IdentityFiles
from tramgac_agent.identity.server import enrollment_server, judge
from tramgac_proto.v1 import enrollment_pb2 as pb
from tramgac_proto.v1 import enrollment_pb2_grpc

_PREFIX = b"tramgac rejoin v1\n"


def rejoin(config: Config) -> str:
    """Prove the old key and get a new certificate for it.

    Raises:
        Outcome: Refused, pending, unreachable, or there is no old identity.
    """
    files = IdentityFiles(config.state_dir)
    identity = ask.require_identity(files)
    key = ask.read_key(identity.key_pem)
    section = config.collector
    server = enrollment_server(section.address, section.enrollment_address, section.server_name)
    judge(server, identity.ca_pem)
    old = x509.load_pem_x509_certificate(identity.certificate_pem)
    csr = ask.make_csr(key)
    with ask.open_channel(server, identity.ca_pem) as channel:
        stub = enrollment_pb2_grpc.EnrollmentServiceStub(channel)
        nonce = ask.call(stub.GetNonce, pb.GetNonceRequest()).nonce
        request = pb.RejoinRequest(
            old_certificate_der=old.public_bytes(serialization.Encoding.DER),
            csr_der=csr,
            nonce=nonce,
            signature=key.sign(_PREFIX + nonce + csr, ec.ECDSA(hashes.SHA256())),
            fingerprint=files.fingerprint(),
        )
        issued = ask.require_issued(ask.call(stub.Rejoin, request))
    files.store(issued, ask.validity_of(issued, key))
    return f"agent {issued.agent_id} is back"


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 issued, 75 ask again later, 1 refused."""
    parser = argparse.ArgumentParser(prog="tramgac-agent rejoin")
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)
    args = parser.parse_args(argv)
    return ask.finish(lambda: rejoin(load_config(args.config)))


if __name__ == "__main__":
    sys.exit(main())
