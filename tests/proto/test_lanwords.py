"""The words of what is found on a LAN are whole, short, and said in both languages."""

import pytest

from tramgac_agent.snmp.ports import FINDINGS
from tramgac_proto.lanwords import LAN_WORDS, PORT_WORDS, LanWords, say


def test_every_finding_of_a_port_has_words() -> None:
    """What a switch's ports can be found guilty of, and nothing else, has words."""
    assert set(PORT_WORDS) == set(FINDINGS)


@pytest.mark.parametrize("code", LAN_WORDS)
def test_words_are_whole_and_short(code: str) -> None:
    """Two different languages, sentences where people read sentences, room in a text message."""
    words: LanWords = LAN_WORDS[code]

    assert all(say(pair, "vi") != say(pair, "en") and all(pair) for pair in words)
    assert all(len(text) <= 28 for text in words.short)
    assert all(len(text) <= 100 for pair in words for text in pair)
    assert all(text.endswith(".") for pair in (words.what, words.step) for text in pair)
    assert not any(text.endswith(".") or text[0].isupper() for text in words.cause)
