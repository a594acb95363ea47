"""What SQL Server's ``msdb`` remembers of backups: the one query, and its output read.

Rights of the login: ``db_datareader`` in msdb (or SELECT on the two tables below) and VIEW ANY
DATABASE. Names come as hexadecimal UTF-16, so that no character of theirs can look like ours.
Columns after Microsoft's pages on ``backupset``, ``backupmediafamily`` and ``sys.databases``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tramgac_agent.sources.base import SourceFailed

# Times in msdb are local without a zone. time_zone has the offset of then in quarters of an
# hour, 127 where it is not known: then today's offset has to do. Restoring a backup of another
# server writes its history here too, hence the server's name.
QUERY = """\
SET NOCOUNT ON;
DECLARE @here int = DATEPART(TZoffset, SYSDATETIMEOFFSET()), @lines int = 0;
SELECT 'tramgac|server|1|' + CAST(SERVERPROPERTY('ProductVersion') AS varchar(32));
SELECT 'tramgac|database|' + CONVERT(varchar(512), CONVERT(varbinary(256), d.name), 2)
  + '|' + d.recovery_model_desc
FROM sys.databases AS d WHERE d.source_database_id IS NULL AND d.name <> N'tempdb';
SET @lines += @@ROWCOUNT;
WITH sets AS (
  SELECT s.backup_set_id, s.media_set_id, s.database_name, s.type, s.backup_size, s.is_damaged,
    s.backup_start_date, s.backup_finish_date,
    CASE WHEN s.time_zone BETWEEN -48 AND 56 THEN 15 * s.time_zone ELSE @here END AS zone,
    ROW_NUMBER() OVER (PARTITION BY s.database_name, s.type
      ORDER BY s.backup_finish_date DESC, s.backup_set_id DESC) AS nth
  FROM msdb.dbo.backupset AS s
  WHERE s.type IN ('D', 'I', 'L') AND ISNULL(s.is_copy_only, 0) = 0 AND ISNULL(s.is_snapshot, 0) = 0
    AND s.backup_start_date >= '20000101' AND s.backup_finish_date IS NOT NULL
    AND s.server_name IN (@@SERVERNAME, CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)))
)
SELECT 'tramgac|backup|' + CONVERT(varchar(512), CONVERT(varbinary(256), b.database_name), 2)
  + '|' + CAST(b.backup_set_id AS varchar(12)) + '|' + b.type
  + '|' + CAST(DATEDIFF(second, '20000101', DATEADD(minute, -b.zone, b.backup_start_date))
    + CAST(946684800 AS bigint) AS varchar(20))
  + '|' + CAST(DATEDIFF(second, '20000101', DATEADD(minute, -b.zone, b.backup_finish_date))
    + CAST(946684800 AS bigint) AS varchar(20))
  + '|' + CAST(CAST(ISNULL(b.backup_size, 0) AS bigint) AS varchar(20))
  + '|' + CAST(ISNULL(b.is_damaged, 0) AS varchar(1))
  + '|' + CONVERT(varchar(1200),
    CONVERT(varbinary(600), ISNULL(f.physical_device_name, N'')), 2)
FROM sets AS b
LEFT JOIN msdb.dbo.backupmediafamily AS f ON f.media_set_id = b.media_set_id AND f.mirror = 0
WHERE b.nth <= 5;
SET @lines += @@ROWCOUNT;
SELECT 'tramgac|end|' + CAST(@lines AS varchar(10));
"""

_MAX_LINES = 20_000
_HEX = r"((?:[0-9A-F]{4}){0,300})"
_SERVER = re.compile(r"tramgac\|server\|1\|([0-9.]{1,32})")
_DATABASE = re.compile(rf"tramgac\|database\|{_HEX}\|([A-Z_]{{1,60}})")
_BACKUP = re.compile(
    rf"tramgac\|backup\|{_HEX}\|(\d{{1,12}})\|([DIL])\|(\d{{1,11}})\|(\d{{1,11}})\|(\d{{1,15}})"
    rf"\|([01])\|{_HEX}"
)
_END = re.compile(r"tramgac\|end\|(\d{1,10})")
# Numbers of messages, which are the same in every language.
_NO_RIGHT = re.compile(r"\bMsg (?:229|262|297|300|916|18456)\b|Login failed")
_NO_SERVER = re.compile(r"network-related|Login timeout|TCP Provider|Named Pipes Provider")


@dataclass(slots=True)
class Backup:
    """One backup that ended well.

    Attributes:
        kind: ``D`` full, ``I`` differential, ``L`` log.
        devices: Files it was written to, more than one when striped.
    """

    id: str
    kind: str
    start_ms: int
    end_ms: int
    bytes: int
    damaged: bool
    devices: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Database:
    """What is known of one database.

    Attributes:
        recovery: As in sys.databases; empty for one that is there no longer.
        backups: The last five of each kind at most.
    """

    recovery: str = ""
    backups: dict[str, Backup] = field(default_factory=dict)

    def of_kind(self, kinds: str) -> list[Backup]:
        """Backups of any of ``kinds``, newest first."""
        found = (one for one in self.backups.values() if one.kind in kinds)
        return sorted(found, key=lambda one: (one.start_ms, one.id), reverse=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything the query said; database names in lower case."""

    version: str
    databases: dict[str, Database]


def parse(text: str) -> Answer:
    """Read the query's output; lines that are none of ours, such as a heading, are passed over.

    Raises:
        SourceFailed: ``blind_auth``, ``blind_unreachable``, or ``blind_tool`` when it is not
            whole.
    """
    lines = [line.strip() for line in text.splitlines() if "tramgac|" in line][: _MAX_LINES + 1]
    ended = _END.fullmatch(lines[-1]) if lines else None
    server = _SERVER.fullmatch(lines[0]) if lines else None
    if ended is None or server is None or int(ended[1]) != len(lines) - 2:
        raise failure_of(text)
    return Answer(server[1], _databases(lines[1:-1]))


def failure_of(text: str) -> SourceFailed:
    """Why there is no whole answer, as far as the messages tell."""
    if _NO_RIGHT.search(text):
        return SourceFailed("blind_auth", text[-500:])
    if _NO_SERVER.search(text):
        return SourceFailed("blind_unreachable", text[-500:])
    return SourceFailed("blind_tool", f"no whole answer: {text[-500:]}")


def _databases(lines: Iterable[str]) -> dict[str, Database]:
    databases: dict[str, Database] = {}
    for line in lines:
        if found := _DATABASE.fullmatch(line):
            databases.setdefault(_name(found[1]).lower(), Database()).recovery = found[2]
        elif found := _BACKUP.fullmatch(line):
            database = databases.setdefault(_name(found[1]).lower(), Database())
            start_ms, end_ms = 1000 * int(found[4]), 1000 * int(found[5])
            made = Backup(found[2], found[3], start_ms, end_ms, int(found[6]), found[7] == "1")
            database.backups.setdefault(made.id, made).devices.append(_name(found[8]))
        else:
            raise SourceFailed("blind_tool", "a line of another form")
    return databases


def _name(text: str) -> str:
    return bytes.fromhex(text).decode("utf-16-le", "replace")
