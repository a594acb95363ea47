"""The judge's own process tells, and its heartbeat falls silent when it cannot."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from helpers.backup import until
from helpers.mail_sink import mail_sink
from helpers.telling import INVENTORY_TEXT, MINUTE, desk

from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.notify.settings import NotifySection


@contextmanager
def beaten() -> Iterator[tuple[str, list[str]]]:
    """A second place that counts beats: its address, and every path asked."""
    asked: list[str] = []

    class Place(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Place) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/beat", asked
        server.shutdown()


def test_the_judge_process_tells(tmp_path: Path) -> None:
    """From a row of `incidents` to a mail and a beat, through the configuration file."""
    with mail_sink() as sink, beaten() as (url, asked):
        notify = f'urls = ["{sink.url}"]\nheartbeat_url = "{url}"'
        path = tmp_path / "collector.toml"
        path.write_text(f'[collector]\nstate_dir = "{tmp_path}"\n[notify]\n{notify}\n')
        with desk(tmp_path, NotifySection()) as room:
            (tmp_path / "inventory.yml").write_text(INVENTORY_TEXT)
            with room.engine.begin() as connection:
                import_inventory(connection, tmp_path / "inventory.yml")
            room.open(opened_ms=wall_ms() - MINUTE)
            argv = [sys.executable, "-m", "tramgac_collector.judge", "--config", str(path)]
            with (tmp_path / "log").open("wb") as log:
                judge = subprocess.Popen(argv, stderr=log)
            try:
                until(lambda: sink.mails and asked, 60)
            finally:
                judge.terminate()
                assert judge.wait(20) == 0
        assert sink.subjects()[0].startswith("[Trạm Gác] Mất liên lạc cơ sở")


def test_the_heartbeat_stops_when_nobody_can_be_told(tmp_path: Path) -> None:
    """A centre that works but reaches nobody must be noticed elsewhere."""
    with mail_sink() as sink, beaten() as (url, asked):
        sink.refuses = True
        with desk(tmp_path, NotifySection(urls=(sink.url,), heartbeat_url=url)) as room:
            number = room.open()
            room.after(60)
            room.after(20 * 60)
            until(lambda: len(asked) == 2)
            room.after(20 * 60)
            assert len(asked) == 2
            sink.refuses = False
            room.after(15 * 60)
            room.after(60)
            assert room.incident(number).told_ms
            until(lambda: len(asked) == 3)
