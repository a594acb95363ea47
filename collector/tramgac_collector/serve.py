"""Which processes make up a running collector."""

from pathlib import Path

from tramgac_collector.config import Config
from tramgac_collector.supervise import ChildSpec


def children(config: Config, path: Path) -> list[ChildSpec]:
    """The children of ``serve``, in the order they are started.

    Args:
        config: What is in force.
        path: The file it was read from; every child reads it itself.
    """
    own = ("--config", str(path))
    # Ingest makes the key at its first start, once the store is there.
    key = config.state_dir / "identity" / "lease.pub"
    specs = [
        ChildSpec("ingest", "tramgac_collector.ingest", own),
        ChildSpec("judge", "tramgac_collector.judge", own, key),
        ChildSpec("web", "tramgac_collector.web", own),
    ]
    if config.throughput.responder:
        arguments = (
            *("--listen", config.listen.throughput, "--name", "collector"),
            *("--lease-key", str(key), "--used", str(config.state_dir / "leases-used")),
        )
        specs.append(ChildSpec("responder", "tramgac_proto.throughput.responder", arguments, key))
    return specs
