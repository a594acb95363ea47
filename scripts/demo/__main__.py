"""``make demo-province``: a made-up province on this machine, and a typhoon day on top of it.

Prints where to look, then each act with what was seen of it. Ctrl-C stops all.
"""

import argparse
import fcntl
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.mail_sink import MailSink, mail_sink

from demo.centre import CONFIG, ROOT
from demo.look import Weather
from demo.sizes import PROVINCE, SMALL
from demo.typhoon import Day
from demo.world import World, running

_FIRST_PORT = 8543
# Batteries follow the story's clock, more or less.
_DRAIN = 15.0
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):  # noqa: N818 - somebody asked for it
    """Ctrl-C, a kill, or the terminal was closed."""


def _where(world: World, folder: Path) -> list[tuple[str, str]]:
    alerts = world.centre.alertmanager_url
    return [
        ("pages", f"{world.web_url}/"),
        ("metrics", world.metrics_url),
        ("prometheus", world.prometheus_url),
        ("alerts", alerts or "no Alertmanager on this machine: the collector mails by itself"),
        ("dashboards", f"{ROOT / 'dashboards'}: see docs/demo.md"),
        ("logs", str(folder)),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".run" / "demo",
                        help="of its state; an earlier demonstration there is removed")  # fmt: skip
    parser.add_argument("--port", type=int, default=_FIRST_PORT,
                        help="first of its ports, where they are free; 0: any")  # fmt: skip
    parser.add_argument("--size", choices=("province", "small"), default="province",
                        help="small: five facilities, no storm")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no storm: only let it run")
    parser.add_argument("--leave", action="store_true", help="end with the day, without Ctrl-C")
    return parser.parse_args()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The folder is ours and empty.

    Raises:
        ValueError: Another demonstration runs there, or something else lies there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"a demonstration runs in {folder} already") from error
        if folder.exists():
            if not (folder / CONFIG).is_file() and any(folder.iterdir()):
                raise ValueError(f"{folder} is no demonstration's: it is left as it is")
            shutil.rmtree(folder)
        yield


def _end(_signal: int, _frame: object) -> None:
    """Leave in the ordinary way, once: what was started is ended on that way."""
    for number in _ENDS:
        signal.signal(number, signal.SIG_IGN)
    raise Stopped


def _run(args: argparse.Namespace, sink: MailSink) -> None:
    size = SMALL if args.size == "small" else PROVINCE
    print(f"starting the centre and {args.size} in {args.folder} ...", flush=True)
    storm = {"now": Weather(drain=_DRAIN)} if size is PROVINCE else {}
    world_of = running(args.folder, size, mail_port=sink.port, first_port=args.port, **storm)
    with world_of as world:
        for what, place in _where(world, args.folder):
            print(f"  {what:<11} {place}", flush=True)
        if size is PROVINCE and not args.quiet:
            Day(world, size, sink).play()
        if not args.leave:
            print("it runs on; Ctrl-C stops all", flush=True)
        while not args.leave:
            time.sleep(1)
            world.check()


def main() -> int:
    """Run until the day is over and somebody stops it; 1 when it cannot."""
    args = _arguments()
    if not shutil.which("prometheus"):
        print("demo: Prometheus is missing: scripts/system-packages test", file=sys.stderr)
        return 1
    for number in _ENDS:
        signal.signal(number, _end)
    try:
        with _alone(args.folder), mail_sink() as sink:
            _run(args, sink)
    except Stopped:
        print("stopped", flush=True)
    except (ValueError, RuntimeError, TimeoutError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
