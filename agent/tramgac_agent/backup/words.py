"""The end of what a command complained about, with every name taken out.

Safe by construction: only words of the list below survive. Error messages are made of them;
paths, users, hosts, patients and numbers are not.
"""

import re
from collections.abc import Mapping

from tramgac_agent.restic.messages import clean, parse_line

MAX_CHARACTERS = 200
_MAX_TAIL_BYTES = 16 * 1024
NAMELESS = "_"

# Words of the messages of restic, borg, rsync, tar, ssh, PostgreSQL, the C library and Go.
# Left out on purpose: English words that are also Vietnamese names (an, do, hang, hung, long).
WORDS = frozenset(
    """
    a aborted abort accept access account acquire across address after again agent all allocate
    allowed already and another any append archive archives are argument arguments as at attempt
    attempts attribute attrs auth authenticate authentication authenticity authorization available
    aws azure bad backend backing backup backups base because been before block blocked broken
    broker bucket buffer busy by cache call canceled cancelled cannot case certificate change
    changed character check checks checksum child chunk chunks class cleaning clear client close
    closed code codec collect command commit compression config configuration configured conflict
    connect connected connecting connection connections consistency contain contains content
    context continue copied copy core corrupt corrupted could count create created creating
    credential credentials crypto current cycle damaged data database date deadline decode decrypt
    decryption default delete deleted deny denied descriptor destination device did different
    digest directories directory dirs disabled disappeared disk does domain done down download
    dump duplicate during dynamic each eio eligible empty encode encoding encountered encrypted
    encryption end ended endpoint enough eof errno error errors exceeded except exception exclude
    exclusive exclusively executable execute exist existing exists exit exited exiting expected
    expired explicitly export extended external failed failing failure fatal fetch few file files
    files/attrs files/dirs filesystem find finish finished fix flag flags folder for forbidden
    force format found from full function gateway generic get give given gone group handle
    handshake happened has hash have header head help host hostname http https i/o id identity
    idle ignore ignored ignoring illegal immutable in incomplete incompatible incorrect index
    information init initialize inode input input/output inside insufficient integrity interface
    internal interrupt interrupted invalid io is it item items its job key keys kill killed
    large last later latest lchown least left length level limit line link link_stat list listen
    load loading local location lock locked locks log login lookup lost low lstat main make
    manifest many mapping masterkey match maximum md5 memory message metadata method missing
    mkdir mkstemp mode modified module mount mounted must name nameserver needed network new next
    no node nonexistent none not nothing null number object objects of off offline offset old on
    once one only open opened opening operation option options or other out output outside over
    overflow owner pack packs packet page panic parameter parent parse partial partition pass
    passed passphrase password path pattern peer perform permanent permission permissions
    permitted pid pipe plain please policy pool port possible posix prefix presumably previous
    prior problem process processing program prompt protocol provided prune public put query
    quota race range rate raw reach reachable read read-only readable reading readlink ready
    receive received receiver receiving record recover recoverable recovery redirect refresh
    refused region reject rejected release remote remove removed removing rename repair replica
    repo repositories repository request requested required reset resolution resolve resolving
    resource resources response restore result retry retrying return returned role root route
    run running runtime same save saved saving schema scheme search second seconds section see
    seek segment select selected send sender sending server service session set setting several
    sftp sha256 shared should shut shutting signal signature size skipped skipping slice slow
    small snapshot snapshots socket some source sources space specified ssh ssl stale start
    started starting startup stat state statement status stderr stdin stdout still stop stopped
    storage store stored stream string struct subprocess success such superuser support supported
    symlink sync syntax system table tablespace tag target targets temporarily temporary
    terminated terminating test text than that the there this thread time timed timeout tls to
    token too total transaction transfer transferred transient tree truncated try trying type
    unable unauthorized unavailable undefined understand unexpected unexpectedly unexplained
    unfinished unknown unlink unlinked unlock unmodified unreachable unreadable unrecoverable
    unresolvable unsupported until up update upload usage use used user using valid value vanished
    verification verify version volume wait waiting wal warning warnings was were when where
    which while will with within without working world would write writing written wrong x509
    year yet you zero
    bash borg mariadb-dump mysql mysqldump pg_basebackup pg_dump pg_dumpall pgbackrest postgres
    postgresql rclone rsync restic sh sudo tar
    """.split()  # noqa: SIM905 - a word list is read and sorted as text
)
_QUOTED = re.compile(r"""(["'`]|[\u2018\u201c\u00ab]).{0,4096}?(?:\1|[\u2019\u201d\u00bb])""")
_EDGES = ".,:;!?()[]{}<>=*"


def words_of(tail: bytes) -> str:
    """The last words of ``tail`` that name nothing; ``_`` stands for all that was taken out.

    Args:
        tail: End of standard error; its first line may be cut.

    Returns:
        At most 200 characters of listed words, lower case, one space between them.
    """
    lines = tail[-_MAX_TAIL_BYTES:].split(b"\n")
    words = [word for line in lines for word in _said(line).split()]
    return _last([word if word in WORDS else NAMELESS for word in map(_bare, words)])


def _said(line: bytes) -> str:
    """The message of a JSON line, else the line; nothing that is quoted."""
    message = parse_line(line)
    text = clean(line) if message is None else _message_of(message)
    return _QUOTED.sub(f" {NAMELESS} ", text)


def _message_of(message: Mapping[str, object]) -> str:
    """restic: ``message`` or ``error.message``; borg: ``message``."""
    error = message.get("error")
    inner = error.get("message") if isinstance(error, dict) else None
    found = message.get("message") or inner
    return found if isinstance(found, str) else NAMELESS


def _bare(word: str) -> str:
    return word.strip(_EDGES).lower()


def _last(words: list[str]) -> str:
    kept: list[str] = []
    room = MAX_CHARACTERS
    for word in reversed(words):
        if word == NAMELESS and kept[-1:] == [NAMELESS]:
            continue
        room -= len(word) + 1
        if room < -1:
            break
        kept.append(word)
    return " ".join(reversed(kept))
