"""An outbox and an uplink beside a collector of the test's own."""

from pathlib import Path

from helpers.certs import Authority
from helpers.faux_collector import FauxCollector, FauxFiles
from helpers.outboxes import open_box, point
from msgspec import structs

from tramgac_agent.checks.base import LeaseDesk
from tramgac_agent.clock import SYSTEM_CLOCK
from tramgac_agent.config import load_config
from tramgac_agent.uplink import Uplink


class Bench:
    """One agent's outbox and uplink beside one collector."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.collector = FauxCollector(self.authority)
        self.files = FauxFiles(folder, self.authority)
        self.files.issue()
        self.desk = LeaseDesk()
        self.box = open_box(folder, SYSTEM_CLOCK)
        self.uplink: Uplink | None = None

    def start(self, report_seconds: float = 0.2) -> Uplink:
        """Start the uplink; the collector's port must be known."""
        path = self.folder / "agent.toml"
        path.write_text(
            f'[agent]\nstate_dir = "{self.folder}"\n'
            f'[collector]\naddress = "127.0.0.1:{self.collector.port}"\n'
        )
        config = load_config(path)
        # Quicker than the file may ask for.
        section = structs.replace(config.collector, report_seconds=report_seconds)
        config = structs.replace(config, collector=section)
        self.uplink = Uplink(self.box, self.files, config, self.desk, SYSTEM_CLOCK)
        self.uplink.start()
        return self.uplink

    def add(self, count: int, check: str = "disk") -> None:
        """Store measurements."""
        self.box.append(check, [point(n, check=check) for n in range(count)], valid_seconds=60)

    def delivered(self) -> bool:
        """Whether nothing waits any more."""
        return self.box.stats().records == 0

    def close(self) -> None:
        """End everything."""
        if self.uplink is not None:
            self.uplink.stop(5.0)
        self.collector.stop()
        self.box.close()
