"""``python -m tramgac_collector.judge --config PATH``: the judge's own process."""

import argparse
import logging
import signal
import sys
import threading
import time
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from tramgac_collector.config import DEFAULT_PATH, load_config
from tramgac_collector.incidents.part import IncidentPart
from tramgac_collector.judge.process import Judge
from tramgac_collector.judge.rulebook import RulesPart
from tramgac_collector.notify.step import Notifier
from tramgac_collector.store.engine import open_engine
from tramgac_proto.configfile import EXIT_CONFIG, EXIT_OK, ConfigError

TICK_SECONDS = 5.0

log = logging.getLogger("tramgac_collector.judge")


def _judge(path: Path) -> int:
    config = load_config(path)
    logging.basicConfig(
        level=config.collector.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    engine = open_engine(config.store_url)
    # In the order of what follows from what; telling people is the last.
    notifier = Notifier(engine, config)
    parts = (RulesPart(), IncidentPart(), notifier.part)
    judge = Judge(engine, config, parts=parts, steady_ms=lambda: time.monotonic_ns() // 1_000_000)
    while not stop.wait(TICK_SECONDS):
        try:
            judge.turn()
        except SQLAlchemyError as error:
            # Ingest makes and mends the store; until it has, there is nothing to judge.
            log.warning("the store does not answer: %s", getattr(error, "orig", None) or error)
    notifier.close()
    engine.dispose()
    return EXIT_OK


def main() -> int:
    """Judge until told to stop; 78 when the configuration cannot be used."""
    parser = argparse.ArgumentParser(prog="tramgac-judge", description=__doc__)
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)
    try:
        return _judge(parser.parse_args().config)
    except ConfigError as error:
        print(f"tramgac-judge: configuration: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_CONFIG


if __name__ == "__main__":
    sys.exit(main())
