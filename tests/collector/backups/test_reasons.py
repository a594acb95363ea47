"""Every reason has words in both languages, and no words are left over."""

import pytest

from tramgac_collector.backups.findings import STATE_OF, BackupState, finding
from tramgac_collector.backups.reasons import (
    LANGUAGES,
    NOTES,
    STATES,
    WORDS,
    detail_text,
    finding_text,
    next_step,
    state_text,
)


def test_every_reason_and_state_has_words() -> None:
    """None is missing and none is unused."""
    assert set(WORDS) == set(STATE_OF)
    assert set(NOTES) <= set(WORDS)
    assert set(STATES) == set(BackupState)
    assert set(STATE_OF.values()) == set(BackupState) - {BackupState.OK}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", WORDS)
def test_words_are_short_sentences(reason: str, language: str) -> None:
    """What holds and what to do, each one sentence that fits a line of a page."""
    for text in (finding_text(finding(reason), language), next_step(finding(reason), language)):
        assert text.endswith(".")
        assert text[0].isupper()
        assert 15 <= len(text) <= 100


def test_the_languages_are_not_mixed_up() -> None:
    """Vietnamese carries its marks, English has none."""
    for words in WORDS.values():
        assert not words.vi.isascii()
        assert not words.vi_next.isascii()
        assert words.en.isascii()
        assert words.en_next.isascii()
    assert len({state_text(state, "vi") for state in BackupState}) == len(BackupState)


def test_details_are_told() -> None:
    """A code becomes words, a drill's failure a sentence, a holder of a lock stays as it is."""
    assert finding_text(finding("run_failed", "no_space"), "en").endswith("(no space left)")
    assert "dấu thử" in finding_text(finding("drill_failed", "nonce_wrong"), "vi").lower()
    assert detail_text("his-1:42", "vi") == "his-1:42"
