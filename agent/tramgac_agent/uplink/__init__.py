"""The uplink: carries what waits in the outbox to the collector, and nothing else.

``thread`` is the loop, ``plan`` decides which records go next, ``pace`` bounds the backlog,
``channel`` builds mTLS channels, ``renewal`` starts the children that look after the
certificate, and ``status`` is what the person at the terminal sees.
"""

from tramgac_agent.uplink.status import UplinkStatus
from tramgac_agent.uplink.thread import Uplink

__all__ = ["Uplink", "UplinkStatus"]
