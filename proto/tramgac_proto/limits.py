"""Bounds that both ends keep, so that neither has to trust the other."""

MAX_BATCH_BYTES = 1024 * 1024
MAX_BATCH_RECORDS = 500
MAX_RECORD_BYTES = 64 * 1024
MAX_SERIES_PER_AGENT = 2_000
MAX_SAMPLES_PER_RECORD = 1_000
MAX_LABELS = 8
MAX_LABEL_VALUE_CHARS = 200
MAX_ACK_RANGES = 32
MAX_GAP_RANGES = 500
MAX_LEASE_REQUESTS = 4
# Work that a host plans for itself: how long, and how far ahead.
MAX_MAINTENANCE_MS = 24 * 3_600_000
MAX_MAINTENANCE_AHEAD_MS = 7 * 86_400_000
# Refused before a byte of it is parsed: a batch plus its series table and framing.
MAX_MESSAGE_BYTES = 4 * 1024 * 1024

REPORT_DEADLINE_SECONDS = 20.0
# Client keepalive must not be more frequent than the server tolerates
# (SERVER_MIN_PING_MS), or the server answers GOAWAY too_many_pings.
KEEPALIVE_MS = 60_000
KEEPALIVE_TIMEOUT_MS = 20_000
SERVER_MIN_PING_MS = 20_000

SILENT_AFTER_SECONDS = 110.0
COLLECTOR_SETTLE_SECONDS = 120.0
