"""A province's own packs: in force once signed, newer and without fault, and then for good."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.judging import JudgedStore
from helpers.ownpacks import PACK, RULE, Folder
from sqlalchemy import text
from sqlalchemy.exc import NoResultFound

from tramgac_collector.commands._rules import list_dict, list_table
from tramgac_collector.config import CollectorSection, Config, RulesSection, StoreSection
from tramgac_collector.doctor import look as look_at_all
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.pack import parse_pack
from tramgac_collector.rules.province import (
    Held,
    distrusted,
    library_of,
    look,
    read_held,
    with_own,
    with_refusals,
    withdraw,
)
from tramgac_collector.rules.signing import make_key, signature_file
from tramgac_collector.store.engine import bump_generation, reading

INVENTORY = "facilities: [{id: bvdk, code: '1', sites: [{id: main, hosts: [{id: h}]}]}]"
NEWER = PACK.replace("1.0.0", "1.1.0")


@pytest.fixture
def centre(tmp_path: Path) -> JudgedStore:
    """One hospital."""
    return JudgedStore(tmp_path, INVENTORY)


@pytest.fixture
def own(tmp_path: Path, centre: JudgedStore) -> Folder:
    """A folder the judge follows, empty."""
    folder = Folder(tmp_path)
    centre.judge = folder.judge(centre)
    return folder


def refused(own: Folder, centre: JudgedStore) -> list[str]:
    with reading(centre.engine) as connection:
        found = look(own.section, Library.read(), read_held(connection), 0).refused
    return [one.complaints[0].text for one in found]


def test_a_signed_pack_comes_into_force_and_its_results_carry_its_version(
    own: Folder, centre: JudgedStore
) -> None:
    """At the next look, with a line in the audit trail; a newer version is judged anew."""
    centre.turn()
    own.put()
    centre.turn(1.1)
    first = centre.result(RULE)
    own.put(NEWER)
    centre.turn(1.1)

    assert (first.status, first.pack_version) == ("unknown", "bn.local 1.0.0")
    assert centre.result(RULE).pack_version == "bn.local 1.1.0"
    with centre.engine.connect() as connection:
        told = connection.execute(text("SELECT action, object, detail FROM audit")).all()
    assert [row[:2] for row in told if row.action == "pack_in_force"] == [
        ("pack_in_force", "bn.local")
    ] * 2
    assert "1.1.0" in told[-1].detail


@pytest.mark.parametrize("spoil", ["bytes", "signature", "key", "lint", "older", "same", "gone"])
def test_what_is_in_force_stays_whatever_becomes_of_its_file(
    own: Folder, centre: JudgedStore, tmp_path: Path, spoil: str
) -> None:
    """Also over a restart of the judge."""
    path = own.put(NEWER)
    centre.turn()
    make_key(tmp_path / "other.pem")
    acts: dict[str, Callable[[], object]] = {
        "bytes": lambda: path.write_text(NEWER.replace("hand it in", "do not")),
        "signature": lambda: signature_file(path).unlink(),
        "key": lambda: own.put(NEWER.replace("1.1.0", "2.0.0"), key=tmp_path / "other.pem"),
        "lint": lambda: own.put(
            NEWER.replace("1.1.0", "2.0.0").replace("hand it in", "nộp quy chế")
        ),
        "older": lambda: own.put(PACK),
        "same": lambda: own.put(NEWER.replace("hand it in", "hand it over")),
        "gone": path.unlink,
    }
    acts[spoil]()
    told = refused(own, centre)
    centre.judge = own.judge(centre)
    centre.turn(1.1)

    assert bool(told) is (spoil != "gone"), told
    assert centre.result(RULE).pack_version == "bn.local 1.1.0"
    with reading(centre.engine) as connection:
        found = library_of(connection).find(RULE)
    assert found is not None
    assert found[1].next.en == "hand it in"


@pytest.mark.parametrize(
    ("old", "new", "name", "why"),
    [
        ("id: bn.local\n", "id: bn.other\n", "bn.local", "name the file bn.other.yml"),
        ("id: bn.local\n", "id: vn.anm\n", "vn.anm", "is in force; raise the version"),
        (RULE, "vn.anm.regulation", "bn.local", "vn.anm has this id already"),
        ("doc:security_regulation", "doc:nobody", "bn.local", "nobody can hand in `doc:nobody`"),
        ("en: hand it in", "en: nộp quy chế", "bn.local", "both languages say the same"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(
    own: Folder, centre: JudgedStore, old: str, new: str, name: str, *, why: str
) -> None:
    """Ids of others, papers nobody can give, faults: nothing of the pack is used."""
    own.put(PACK.replace(old, new), name)

    (told,) = refused(own, centre)
    assert why in told
    centre.turn()
    with reading(centre.engine) as connection:
        assert read_held(connection) == {}


def test_a_withdrawn_pack_stays_out_until_a_newer_one_comes(
    own: Folder, centre: JudgedStore
) -> None:
    """Its results go; the file in the folder does not bring it back."""
    own.put()
    centre.turn()
    with centre.engine.begin() as connection:
        assert withdraw(connection, "bn.local", centre.now_ms)
        assert not withdraw(connection, "bn.local", centre.now_ms)
    centre.turn(1.1)
    gone = RULE not in library_ids(centre)
    told = refused(own, centre)
    own.put(NEWER)
    centre.turn(1.1)

    assert gone
    assert "taken back; raise the version" in told[0]
    assert centre.result(RULE).pack_version == "bn.local 1.1.0"


def library_ids(centre: JudgedStore) -> set[str]:
    with reading(centre.engine) as connection:
        return {rule.id for pack in library_of(connection).packs for rule in pack.rules}


def test_a_key_that_is_trusted_no_more_is_told(own: Folder, centre: JudgedStore) -> None:
    """The pack stays until a person withdraws it; nothing of its kind vanishes unseen."""
    own.put()
    centre.turn()
    section = type(own.section)(folder=own.section.folder)
    with reading(centre.engine) as connection:
        held = read_held(connection)
        said = with_refusals(section, connection).refused

    assert distrusted(own.section, held) == []
    assert any("`rules withdraw` it" in one.complaints[0].text for one in said)


def test_a_folder_that_cannot_be_read_is_told_and_changes_nothing(
    own: Folder, centre: JudgedStore
) -> None:
    """As on a share that is away."""
    own.put()
    centre.turn()
    own.path.rename(own.path.with_name("away"))
    centre.turn(1.1)

    assert centre.result(RULE).pack_version == "bn.local 1.0.0"
    with reading(centre.engine) as connection:
        said = with_refusals(own.section, connection).refused
    assert "is no folder" in said[0].complaints[0].text


def test_a_key_that_cannot_be_looked_at_stops_no_judging(
    own: Folder, centre: JudgedStore, caplog: pytest.LogCaptureFixture
) -> None:
    """As one in a folder of root's: said, and every shipped rule is judged all the same."""
    own.put()
    unseen = str(own.path / ("k" * 300))
    own.section = RulesSection(folder=f"{unseen}/packs", trusted_keys=(unseen,))
    centre.judge = own.judge(centre)
    centre.turn()

    assert centre.count("rule_results") > 100
    assert "File name too long" in caplog.text


def test_a_shipped_rule_is_never_that_of_a_pack_that_came_before() -> None:
    """An update may bring an id that a province took: the shipped rule counts, and that is told."""
    text = PACK.replace(RULE, "vn.anm.regulation")
    held = {"bn.local": Held("bn.local", "1.0.0", "", "", text, 1)}
    library = with_own(Library.read(), held)

    assert [one.pack.id for one in library.packs if "bn.local" in one.pack.id] == []
    assert "vn.anm has this id already" in library.refused[0].complaints[0].text


def overtaking(monkeypatch: pytest.MonkeyPatch, version: str, read_on: str = "2026-01-01") -> None:
    """An update ships the same pack without the province's own rule."""
    text = (
        PACK.replace("1.0.0", version).replace(RULE, "bn.local.shipped")
        .replace("seen_copy", f"seen_copy\n  verified_by: the makers\n  verified_on: {read_on}")
    )  # fmt: skip
    whole = Library.read()
    shipped = replace(whole, packs=(*whole.packs, parse_pack(text, "shipped")))
    monkeypatch.setattr(Library, "read", lambda: shipped)


def test_a_rule_that_only_an_overtaken_pack_had_is_not_known(
    own: Folder, centre: JudgedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer shipped pack of the id counts; the rule goes once its pack is withdrawn."""
    own.put()
    centre.turn()
    overtaking(monkeypatch, "2.0.0")
    centre.judge = own.judge(centre)
    centre.turn(1.1)
    during = centre.said(RULE)
    with reading(centre.engine) as connection:
        told = with_refusals(own.section, connection).refused
    with centre.engine.begin() as connection:
        withdraw(connection, "bn.local", centre.now_ms)
        bump_generation(connection)
    centre.turn(1.1)

    assert during == ("unknown", "pack_refused")
    assert [one.file for one in told] == ["bn.local.yml"]
    assert "2.0.0 is shipped and counts" in told[0].complaints[0].text
    assert centre.result("bn.local.shipped").pack_version == "bn.local 2.0.0"
    with pytest.raises(NoResultFound):
        centre.result(RULE)


@pytest.mark.parametrize(("read_on", "newer"), [("2026-01-01", False), ("2027-02-01", True)])
def test_an_own_pack_before_a_newer_shipped_one_is_told(
    own: Folder, centre: JudgedStore, monkeypatch: pytest.MonkeyPatch, read_on: str, *, newer: bool
) -> None:
    """By `doctor` and `rules list`: what changed in the shipped one counts nowhere here."""
    own.put(NEWER)
    centre.turn()
    overtaking(monkeypatch, "1.0.5", read_on)
    with reading(centre.engine) as connection:
        library = with_refusals(own.section, connection)
    config = Config(
        collector=CollectorSection(state_dir=str(centre.folder)),
        store=StoreSection(url=str(centre.engine.url)),
        rules=own.section,
    )
    found = [one for one in look_at_all(config) if one.what == "rule packs" and "hides" in one.text]

    assert library.instead == (("bn.local", "1.1.0", "1.0.5", newer),)
    assert [one.ok for one in found] == [not newer]
    assert "bn.local 1.1.0 is your own; 1.0.5 is shipped" in list_table(library, "en")
    assert list_dict(library, "en")["own_instead"][0]["newer"] is newer
