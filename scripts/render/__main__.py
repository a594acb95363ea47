"""``python -m render``: a PNG for each dashboard and language, and a list of what shows nothing."""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from render import browser, jobs
from render.choices import Window
from render.prometheus import Prometheus, PrometheusError

_ROOT = Path(__file__).resolve().parents[2]
# Rates and averages of a minute and more have something to show by then.
_DEMO_SECONDS = 180
_DEMO_SCRAPE = 5.0


def arguments() -> argparse.ArgumentParser:
    """What it can be told."""
    parser = argparse.ArgumentParser(prog="render", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--prometheus", metavar="URL", help="take answers from this Prometheus")
    source.add_argument("--demo", action="store_true", help="start a small simulated province")
    parser.add_argument(
        "--dashboards", type=Path, default=_ROOT / "dashboards/grafana", metavar="FOLDER"
    )
    parser.add_argument("--out", type=Path, default=_ROOT / "dist/dashboards", metavar="FOLDER")
    parser.add_argument("--only", default="", metavar="WORD", help="boards with this in their name")
    parser.add_argument("--span", type=float, metavar="SECONDS", help="instead of the board's own")
    parser.add_argument("--scrape", type=float, default=15.0, metavar="SECONDS")
    parser.add_argument(
        "--choose", action="append", default=[], metavar="VARIABLE=VALUE", help="may be repeated"
    )
    parser.add_argument("--allow-empty", action="store_true", help="panels without data are fine")
    return parser


@contextmanager
def _province() -> Iterator[str]:
    """A small province that has been seen for a while; gives the address of its Prometheus."""
    from demo.world import running  # noqa: PLC0415 - slow, and not needed beside a Prometheus

    with (
        tempfile.TemporaryDirectory(prefix="render-") as folder,
        running(Path(folder)) as world,
    ):
        sys.stdout.write(f"a small province runs; {_DEMO_SECONDS} s of it will be shown\n")
        sys.stdout.flush()
        time.sleep(_DEMO_SECONDS)
        yield world.prometheus_url


def _jobs(options: argparse.Namespace, url: str, work: Path) -> list[tuple[Path, Path]]:
    source = Prometheus(url)
    wanted = dict(one.split("=", 1) for one in options.choose)
    found = []
    for path in sorted(options.dashboards.rglob("*.json")):
        if options.only not in path.stem:
            continue
        board: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        end = time.time()
        start = end - (options.span or jobs.span_seconds(board["time"]["from"]))
        drawn = jobs.job(board, source, Window(start, end, options.scrape), wanted)
        for question in jobs.silent(drawn):
            sys.stdout.write(f"{path.stem}: no answer: {question}\n")
        data = work / f"{path.stem}.json"
        data.write_text(json.dumps(drawn, ensure_ascii=False), encoding="utf-8")
        png = options.out / path.relative_to(options.dashboards).with_suffix(".png")
        png.parent.mkdir(parents=True, exist_ok=True)
        found.append((data, png.resolve()))
    return found


def told(reports: list[dict[str, Any]], *, allow_empty: bool) -> tuple[list[str], int]:
    """Lines for the person who asked, and the exit code: 1 when something is wrong or empty."""
    lines, wrong = [], not reports
    for report in reports:
        name = Path(report["png"]).stem
        lines += [f"{name}: No data: {title}" for title in report["empty"]]
        lines += [f"{name}: ERROR: {text}" for text in report["errors"]]
        wrong |= bool(report["errors"]) or (bool(report["empty"]) and not allow_empty)
    return [*lines, f"{len(reports)} pictures"], int(wrong)


def _pictures(options: argparse.Namespace, url: str) -> int:
    with tempfile.TemporaryDirectory(prefix="render-") as folder:
        work = Path(folder)
        boards = _jobs(options, url, work)
        lines, code = told(browser.shoot(boards, work), allow_empty=options.allow_empty)
    sys.stdout.write("\n".join(lines) + "\n")
    return code


def _end(_signal: int, _frame: object) -> None:
    """Leave in the ordinary way, so that the province does not stay behind."""
    sys.exit(143)


def main() -> int:
    """0 when all is drawn with data, 1 when a panel shows nothing or failed, 2 when unable."""
    options = arguments().parse_args()
    signal.signal(signal.SIGTERM, _end)
    try:
        browser.build()
        if options.prometheus:
            return _pictures(options, options.prometheus)
        options.scrape, options.span = _DEMO_SCRAPE, options.span or float(_DEMO_SECONDS)
        with _province() as url:
            return _pictures(options, url)
    except (browser.BrowserError, PrometheusError, ValueError) as error:
        sys.stderr.write(f"render: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
