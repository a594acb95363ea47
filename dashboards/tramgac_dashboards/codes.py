"""Codes in words; the words are those of messages and pages, there is no second list of them."""

from tramgac_collector.backups.reasons import WORDS as REASONS
from tramgac_collector.notify.words import WORDS as INCIDENT_WORDS
from tramgac_dashboards.model import Look, Meaning, Text
from tramgac_proto.lanwords import PORT_WORDS, PRINTER_ERRORS

# The word alone: what is bad about it is said by the column of the severity.
_NO_COLOUR = ""


def _plainly(code: str, text: tuple[str, str]) -> Meaning:
    return Meaning(code, Text(*text), _NO_COLOUR)


INCIDENTS = Look(
    meanings=tuple(_plainly(code, one.short) for code, one in sorted(INCIDENT_WORDS.items()))
)
PORT_FINDINGS = Look(
    meanings=tuple(_plainly(code, one.short) for code, one in sorted(PORT_WORDS.items()))
)
PRINTERS = Look(meanings=tuple(_plainly(*one) for one in sorted(PRINTER_ERRORS.items())))
BACKUP_FINDINGS = Look(
    meanings=tuple(_plainly(code, (one.vi, one.en)) for code, one in sorted(REASONS.items()))
)
