"""Of an error message only words of the list leave the host."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_agent.backup.words import MAX_CHARACTERS, NAMELESS, WORDS, words_of

# Parts of Vietnamese names, as they stand in the folders of a hospital.
NAME_PARTS = (
    "nguyen tran le pham hoang huynh phan vu vo dang bui do ho ngo duong ly van thi an binh chi"
    " dung duc giang ha hai hang hanh hau hien hoa hong hue hung huong khanh kim lan lam linh loan"
    " long mai minh my nam nga ngoc nhung oanh phuc phuong quan quang quynh sang son tai tam tan"
    " thanh thao thi thu thuy tien trang trinh tu tuan tung tuyet uyen van viet vinh xuan yen"
)

_NAMES = st.text(string.ascii_letters + string.digits + "ăâđêôơưáàảãạ/._-@ '\"", min_size=1)
_MESSAGES = st.sampled_from(
    [
        "error: open {}: permission denied",
        'tar: "{}": Cannot stat: No such file or directory',
        '{{"message_type":"error","error":{{"message":"open {}: permission denied"}}}}',
        "rsync: [sender] link_stat '{}' failed: No such file or directory (2)",
        "\x1b[2K\r{}",
    ]
)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Fatal: wrong password or no key found", "fatal wrong password or no key found"),
        ("cp: error writing '/mnt/Tran Thi B/x': No space left on device", None),
        ("ssh: connect to host nas01 port 22: Connection refused", None),
        ('{"message_type":"exit_error","code":12,"message":"Fatal: wrong password"}', None),
        ("  \n\n", ""),
        ("12345 0912345678 10.1.2.3", "_"),
    ],
)
def test_what_is_left_can_still_be_understood(said: str, kept: str | None) -> None:
    """The reason stays, the names go, a gap shows where something was."""
    expected = {
        "cp": "_ error writing _ no space left on device",
        "ss": "ssh connect to host _ port _ connection refused",
        '{"': "fatal wrong password",
    }
    assert words_of(said.encode()) == (expected[said[:2]] if kept is None else kept)


def test_the_end_is_what_is_kept() -> None:
    """The last words say why it failed; whole words, within the record's bound."""
    said = words_of(b"warning " * 5000 + b"\n" + b"no space left on device")

    assert said.endswith("warning no space left on device")
    assert MAX_CHARACTERS - len("warning ") <= len(said) <= MAX_CHARACTERS


@given(_MESSAGES, st.lists(_NAMES, max_size=4))
@settings(max_examples=300, deadline=None)
def test_no_name_survives(message: str, names: list[str]) -> None:
    """Whatever a file or a user is called, only listed words come through."""
    said = words_of("\n".join(message.format(name) for name in names).encode())

    assert set(said.split()) <= WORDS | {NAMELESS}
    assert f"{NAMELESS} {NAMELESS}" not in said


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_it(tail: bytes) -> None:
    """Not text, not JSON, cut anywhere."""
    said = words_of(tail)

    assert set(said.split()) <= WORDS | {NAMELESS}
    assert len(said) <= MAX_CHARACTERS


def test_no_listed_word_is_a_name() -> None:
    """A name without quotes and spaces around its parts must not come through in pieces."""
    assert sorted(WORDS & set(NAME_PARTS.split())) == []
    assert words_of(NAME_PARTS.encode()) == NAMELESS


@pytest.mark.parametrize("filler", ['"', "'a", "{", '{"a":', "\u2018"])
def test_a_hostile_tail_costs_no_time(filler: str) -> None:
    """Neither quotes that never close nor a bomb of brackets."""
    assert set(words_of((filler * 200_000).encode()).split()) <= {"a", NAMELESS}
