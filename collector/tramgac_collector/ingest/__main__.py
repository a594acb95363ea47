"""``python -m tramgac_collector.ingest --config PATH``: the ingest process."""

import argparse
import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path

from tramgac_collector.config import DEFAULT_PATH, Config, load_config
from tramgac_collector.ingest.handshakes import counted_handshakes
from tramgac_proto.configfile import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, ConfigError

log = logging.getLogger("tramgac_collector.ingest")


# More connections than one process can serve.
_DESCRIPTORS = 65_536


def _allow_connections() -> None:
    """Raise the soft limit of descriptors: each agent holds one, and 1,024 are the usual limit."""
    try:
        import resource  # noqa: PLC0415 - not on every platform
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _work(config: Config) -> None:
    # Imported late, so that a bad configuration is refused at once.
    from tramgac_collector import metrics  # noqa: PLC0415
    from tramgac_collector.ingest.process import Ingest  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ingest = Ingest(config)
    ingest.restore()
    # What was built so far lives as long as the process: the collector of cycles need not
    # walk it again and again, nor run every few reports.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    with counted_handshakes(metrics.HANDSHAKE_FAILURES.inc):
        await ingest.serve(stop)


def main() -> int:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tramgac_collector.ingest")
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, help="collector.toml")
    args = parser.parse_args()
    try:
        config = load_config(args.config)
        logging.basicConfig(
            level=config.collector.log_level.upper(),
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        _run(config)
    except ConfigError as error:
        log.error("configuration: %s", error)  # noqa: TRY400 - for a person, not a debugger
        return EXIT_CONFIG
    except OSError as error:
        log.error("cannot start: %s", error)  # noqa: TRY400 - the same
        return EXIT_FAILED
    return EXIT_OK


def _run(config: Config) -> None:
    _allow_connections()
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        asyncio.run(_work(config))
    else:
        uvloop.run(_work(config))


if __name__ == "__main__":
    sys.exit(main())
