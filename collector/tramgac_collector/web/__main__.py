"""``python -m tramgac_collector.web --config PATH``: the page's own process."""

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from flask import Flask

from tramgac_collector.config import DEFAULT_PATH, Config, load_config
from tramgac_collector.web.app import create_app
from tramgac_collector.web.tls import TlsServer
from tramgac_collector.wsgi import Server
from tramgac_proto.configfile import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, ConfigError

_LOOK_SECONDS = 2.0

log = logging.getLogger("tramgac_collector.web")


def _serve(path: Path) -> int:
    config = load_config(path)
    logging.basicConfig(
        level=config.collector.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    app = create_app(config)
    try:
        server = _server(app, config)
    except OSError as error:
        log.error("cannot listen on %s: %s", config.listen.web, error)  # noqa: TRY400 - said all
        return EXIT_FAILED
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server.start()
    log.info("the page is on port %d", server.port)
    while not stop.wait(_LOOK_SECONDS):
        pass  # a signal that came just before the wait would not wake this thread
    server.close()
    for name in ("store", "desk"):
        app.extensions[name].close()
    return EXIT_OK


def _server(app: Flask, config: Config) -> Server | TlsServer:
    web, listen = config.web, config.listen.web
    if not web.tls_certificate:
        return Server(app, listen, forwarded=bool(web.proxy))
    return TlsServer(app, listen, web.tls_certificate, web.tls_key)


def main() -> int:
    """Serve until told to stop; 78 when the configuration cannot be used."""
    parser = argparse.ArgumentParser(prog="tramgac-web", description=__doc__)
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)
    try:
        return _serve(parser.parse_args().config)
    except ConfigError as error:
        print(f"tramgac-web: configuration: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_CONFIG


if __name__ == "__main__":
    sys.exit(main())
