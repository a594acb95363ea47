"""``make demo-province``: a made-up province on this machine, and a typhoon day on top of it.

Prints where to look, then each act with what was seen of it. Ctrl-C stops all.
"""

import argparse
import shutil
import signal
import sys
import threading
from pathlib import Path

from helpers.mail_sink import mail_sink

from demo.centre import ROOT
from demo.look import Weather
from demo.sizes import PROVINCE, SMALL
from demo.typhoon import Day, Stopped
from demo.world import World, running

_FIRST_PORT = 8543
# Batteries follow the story's clock, more or less.
_DRAIN = 15.0


def _where(world: World, folder: Path) -> list[tuple[str, str]]:
    alertmanager = world.centre.alertmanager
    return [
        ("pages", f"{world.web_url}/"),
        ("metrics", world.metrics_url),
        ("prometheus", world.prometheus_url),
        ("alerts", alertmanager.url if alertmanager else "no Alertmanager on this machine"),
        ("dashboards", f"{ROOT / 'dashboards'}: see docs/demo.md"),
        ("logs", str(folder)),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".run" / "demo")
    parser.add_argument("--size", choices=("province", "small"), default="province",
                        help="small: four facilities, no storm")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no storm: only let it run")
    parser.add_argument("--leave", action="store_true", help="end with the day, without Ctrl-C")
    return parser.parse_args()


def main() -> int:
    """Run until the day is over and somebody stops it."""
    args = _arguments()
    size = SMALL if args.size == "small" else PROVINCE
    halt = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: halt.set())
    shutil.rmtree(args.folder, ignore_errors=True)
    print(f"starting the centre and {args.size} in {args.folder} ...", flush=True)
    with mail_sink() as sink:
        world_of = running(
            args.folder,
            size,
            now=Weather(drain=_DRAIN),
            mail_port=sink.port,
            first_port=_FIRST_PORT,
        )
        with world_of as world:
            for what, place in _where(world, args.folder):
                print(f"  {what:<11} {place}", flush=True)
            try:
                if size is PROVINCE and not args.quiet:
                    Day(world, size, sink, halt).play()
                if not args.leave:
                    print("it runs on; Ctrl-C stops all", flush=True)
                while not args.leave and not halt.wait(1.0):
                    world.province.check()
            except Stopped:
                print("stopping ...", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
