"""The outbox: every observation on this host's own disk until the centre has it.

``model`` says what goes in and out, ``encode`` turns an observation into a record,
``database`` opens the SQLite file, ``store`` is one such file, ``thinning`` makes room in
it, ``gaps`` accounts for every loss, and ``box`` keeps working when the disk does not.
"""

from tramgac_agent.outbox.box import Outbox
from tramgac_agent.outbox.model import OutboxLimits, OutboxStats, StoredRecord

__all__ = ["Outbox", "OutboxLimits", "OutboxStats", "StoredRecord"]
