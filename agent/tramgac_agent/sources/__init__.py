"""Backup products: one file each, read through one contract. A line here is the registration."""

from typing import Any

from tramgac_agent.registry import find
from tramgac_agent.sources.base import Source, SourceSettings

SOURCES: dict[str, str] = {
    "barman": "tramgac_agent.sources.barman:BarmanSource",
    "borg": "tramgac_agent.sources.borg:BorgSource",
    "dumps": "tramgac_agent.sources.dumps:DumpSource",
    "mssql": "tramgac_agent.sources.mssql:MssqlSource",
    "pgbackrest": "tramgac_agent.sources.pgbackrest:PgBackRestSource",
    "restic": "tramgac_agent.sources.restic:ResticSource",
    "rsync": "tramgac_agent.sources.rsync:RsyncSource",
    "veeam": "tramgac_agent.sources.veeam:VeeamSource",
    "wbadmin": "tramgac_agent.sources.wbadmin:WbadminSource",
}


def load(name: str) -> type[Source[Any]]:
    """Import one source.

    Raises:
        KeyError: There is no such source.
    """
    return find(SOURCES[name], Source)


__all__ = ["SOURCES", "Source", "SourceSettings", "load"]
