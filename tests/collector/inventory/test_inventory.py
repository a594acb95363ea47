"""The inventory: what is accepted, what is refused and how, and who may report on what."""

import re
from pathlib import Path

import pytest
import yaml

from tramgac_collector.inventory import export
from tramgac_collector.inventory.load import InventoryError, load_inventory, parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.strictyaml import MAX_BYTES
from tramgac_collector.model import Owner
from tramgac_proto.configfile import ConfigError

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/inventory.md").read_text()
EXAMPLE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]


@pytest.fixture(scope="module")
def example() -> Inventory:
    """The example of the documentation."""
    return parse_inventory(EXAMPLE, "docs/inventory.md")


def site(text: str) -> str:
    """A facility whose one site has these keys."""
    return f'facilities: [{{id: f, code: "1", sites: [{{id: s, {text}}}]}}]'


def facility(text: str) -> str:
    """A facility with one host ``h`` and these keys."""
    hosts = "sites: [{id: s, hosts: [{id: h}]}]"
    return f'facilities: [{{id: f, code: "1", {hosts}, {text}}}]'


def dataset(text: str = "", destination: str = "") -> str:
    """A facility with one dataset that has these keys, its destination those."""
    nas = f"destinations: [{{id: nas, {destination}}}]"
    return facility(f"datasets: [{{id: d, host: h, rpo_hours: 24, {nas}, {text}}}]")


REFUSED = {
    "an unknown key": (
        site("hosts: [{id: h, adress: x}]"),
        (
            "facilities[0].sites[0].hosts[0]: Object contains unknown field `adress`;"
            " check the spelling"
        ),
    ),
    "capital letters": (
        site("hosts: [{id: h}, {id: HIS}]"),
        (
            "facilities[0].sites[0].hosts[1].id: Expected `str` matching regex"
            " '^[a-z0-9][a-z0-9-]{0,62}$'; use small letters, digits and `-`, at most 63"
        ),
    ),
    "a code that is a number": (
        "facilities: [{id: f, code: 24001}]",
        "facilities[0].code: Expected `str`, got `int`; put it in quotes",
    ),
    "a missing key": ("facilities: [{id: f}]", "facilities[0]: Object missing required field"),
    "two facilities of one id": (
        'facilities: [{id: f, code: "1"}, {id: f, code: "2"}]',
        "facilities[1].id: `f` is taken",
    ),
    "two facilities of one code": (
        'facilities: [{id: f, code: "1"}, {id: g, code: "1"}]',
        "facilities[1].code: `1` is the code of `f`",
    ),
    "one id for two things": (
        facility("systems: [{id: h, kind: his, host: h}]"),
        "facilities[0].systems[0].id: `h` is taken in this facility",
    ),
    "one id on two sites": (
        (
            'facilities: [{id: f, code: "1", sites: [{id: a, hosts: [{id: h}]},'
            " {id: b, hosts: [{id: h}]}]}]"
        ),
        "facilities[0].sites[1].hosts[0].id: `h` is taken in this facility",
    ),
    "a segment that is not there": (
        site("segments: [{id: lan}], hosts: [{id: h, segment: wan}]"),
        "facilities[0].sites[0].hosts[0].segment: no segment of this site `wan`; known: lan",
    ),
    "a prober without an agent": (
        site("hosts: [{id: a, probed_by: b}, {id: b, probed_by: a}]"),
        "facilities[0].sites[0].hosts[0].probed_by: no host with an agent in this facility `b`",
    ),
    "a responder nobody can find": (
        site("hosts: [{id: h, responder: true}]"),
        "facilities[0].sites[0].hosts[0].responder: others cannot find it",
    ),
    "a system that runs nowhere": (
        facility("systems: [{id: his, kind: his}]"),
        "facilities[0].systems[0]: say where it runs: either `host` or `provider`",
    ),
    "a system nobody can ask": (
        "providers: [{id: p}]\n"
        + facility("systems: [{id: x, kind: emr, provider: p, probes: [{tcp: 'h:1'}]}]"),
        "facilities[0].systems[0].probes: nobody can ask it; name a host in `probed_by`",
    ),
    "a unit seen from elsewhere": (
        facility("systems: [{id: x, kind: emr, provider: p, probed_by: h, probes: [{unit: u}]}]"),
        "facilities[0].systems[0].probes[0].unit: a unit is seen only by",
    ),
    "a probe of two ways": (
        facility("systems: [{id: x, kind: emr, host: h, probes: [{unit: u, tcp: 'h:1'}]}]"),
        "facilities[0].systems[0].probes[0]: say how to ask: one of",
    ),
    "a provider that is not there": (
        facility("systems: [{id: x, kind: emr, provider: cloud}]"),
        "facilities[0].systems[0].provider: no provider `cloud`; there is none",
    ),
    "a dataset without a home": (
        facility("datasets: [{id: d, host: x, rpo_hours: 24, destinations: [{id: nas}]}]"),
        "facilities[0].datasets[0].host: no host in this facility `x`; known: h",
    ),
    "no time a copy may be old": (
        facility("datasets: [{id: d, host: h, rpo_hours: 0, destinations: [{id: nas}]}]"),
        "facilities[0].datasets[0].rpo_hours: Expected `float` > 0",
    ),
    "a schedule of two kinds": (
        dataset("schedule: {cron: 0 22 * * *, oncalendar: daily}"),
        "facilities[0].datasets[0].schedule: say when: either `cron` or `oncalendar`",
    ),
    "a schedule of neither kind": (
        dataset("schedule: {grace_minutes: 5}"),
        "facilities[0].datasets[0].schedule: say when: either `cron` or `oncalendar`",
    ),
    "a cron line with seconds": (
        dataset("schedule: {cron: 0 0 22 * * *}"),
        "schedule: cron `0 0 22 * * *`: write five fields",
    ),
    "a cron line that is none": (
        dataset("schedule: {cron: 0 25 * * *}"),
        "schedule: `0 25 * * *`: Bad hour",
    ),
    "a calendar that is none": (
        dataset("schedule: {oncalendar: whenever}"),
        "schedule: `whenever`: Bad",
    ),
    "a day that never comes": (
        dataset("schedule: {oncalendar: '*-02-30'}"),
        "schedule: `*-02-30` never comes",
    ),
    "a zone that is nowhere": (
        dataset("schedule: {oncalendar: daily, zone: Asia/Saigong}"),
        "schedule: no time zone `Asia/Saigong`; write one like `Asia/Ho_Chi_Minh`",
    ),
    "a zone that is a path": (
        dataset("schedule: {oncalendar: daily, zone: ../../etc/passwd}"),
        "schedule: no time zone `../../etc/passwd`",
    ),
    "more copies than places": (
        dataset("copies: 2"),
        "facilities[0].datasets[0].copies: 2 copies cannot lie in 1 destinations",
    ),
    "a promise longer than the keeping": (
        dataset("retention: {days: 5}"),
        "facilities[0].datasets[0].retention.keep_days: 7 days are longer than `days`, 5",
    ),
    "a failure domain of many words": (
        dataset(destination="domain: {array: the old box}"),
        "destinations[0].domain.array: `the old box`: at most 63 letters",
    ),
    "an off-site copy at home": (
        dataset(destination="kind: offsite, domain: {host: h}"),
        "destinations[0].domain.host: `nas` is offsite and yet on the host the data are on",
    ),
    "a line to nowhere": (
        "links: [{id: l, sites: [f/s]}]\n",
        "links[0].sites[0]: no site `f/s`; write FACILITY/SITE",
    ),
    "a line nobody mends": (
        "links: [{id: l, carrier: vnpt, sites: [f/s]}]\n",
        "links[0].carrier: no provider `vnpt`; there is none",
    ),
    "a line without sites": ("links: [{id: l, sites: []}]\n", "links[0].sites"),
    "a line that names a site twice": (
        "links: [{id: l, sites: [f/s, f/s]}]\nfacilities: [{id: f, code: '1', sites: [{id: s}]}]\n",
        "links[0].sites[1]: `f/s` is named twice; once is enough",
    ),
    "a repeated key": (
        "facilities:\n  - id: f\n    code: '1'\n    id: g\n",
        "line 4, column 5: `id` stands here twice; keep one",
    ),
    "an alias": (
        "facilities:\n  - &a {id: f, code: '1'}\n  - *a\n",
        "line 2, column 5: anchors and aliases are not allowed",
    ),
    "a merge": (
        "x: &x {id: f}\nfacilities: [{<<: *x}]\n",
        "anchors and aliases are not allowed",
    ),
    "a tag": (
        "facilities: !!python/object/apply:os.system [x]\n",
        "`tag:yaml.org,2002:python/object/apply:os.system` is not allowed",
    ),
    "no YAML": ("facilities: [", ": not valid YAML"),
    "too deep": ("[" * 5_000, "nested deeper than 30 levels"),
    "a text in place of the tree": ("hello", "Expected `object`, got `str`"),
    "two documents": ("a: 1\n---\nb: 2\n", "not valid YAML"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_with_its_place_and_a_fix(case: str) -> None:
    """File, path of the key, and what to do."""
    text, message = REFUSED[case]

    with pytest.raises(InventoryError) as refused:
        parse_inventory(text, "inventory.yml")

    assert message in str(refused.value)
    assert all(line.startswith("inventory.yml: ") for line in str(refused.value).splitlines())


def test_all_problems_are_told_at_once() -> None:
    """Nobody has to mend and try again ten times."""
    text = site("hosts: [{id: a, segment: x}, {id: a, probed_by: z}]")

    with pytest.raises(InventoryError) as refused:
        parse_inventory(text, "inventory.yml")

    assert len(str(refused.value).splitlines()) == 3


def test_words_that_look_like_something_else_stay_words() -> None:
    """No Norway problem, no sexagesimal numbers, no dates, no octal codes."""
    names = ["no", "on", "Yes", "12:30", "2025-08-30", "1_000", "0x10", "NULL"]
    sites = ", ".join(f"{{id: s{n}, name: {name}}}" for n, name in enumerate(names))
    text = f"facilities: [{{id: off, code: 01234, sites: [{sites}]}}]"

    found = parse_inventory(text, "x").facilities[0]

    assert (found.id, found.code) == ("off", "01234")
    assert [one.name for one in found.sites] == names


def test_an_aliased_bomb_is_refused_before_it_grows() -> None:
    """Ten levels of ten references would be ten thousand million nodes."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    with pytest.raises(InventoryError, match="anchors and aliases"):
        parse_inventory("\n".join(lines), "x")


def test_a_file_that_cannot_be_used_is_a_configuration_error(tmp_path: Path) -> None:
    """Missing, too large, not text: each has its own words."""
    path = tmp_path / "inventory.yml"
    with pytest.raises(ConfigError, match="no such file; write one"):
        load_inventory(path)
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 0"):
        load_inventory(path)
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than 4 MiB"):
        load_inventory(path)


def test_an_empty_file_is_an_empty_inventory() -> None:
    """A new centre may begin with nothing."""
    assert parse_inventory("# nothing yet\n", "x") == Inventory()


def owner(inventory: Inventory, host: str) -> Owner:
    placed = inventory.place_of("bv-da-khoa-tinh", host)
    assert placed is not None
    return Owner("agent", "bv-da-khoa-tinh", placed.site.id, host, placed.host.role)


def test_hosts_with_an_agent_are_expected(example: Inventory) -> None:
    """The Windows machine is probed from outside and does not report."""
    places = [one.place for one in example.expected_hosts()]

    assert "bv-da-khoa-tinh/co-so-1/his-01" in places
    assert "ttyt-son-dong/tru-so/may-do" in places
    assert not any(place.endswith("lis-windows") for place in places)
    assert example.owner_of_host("bv-da-khoa-tinh", "co-so-2", "his-01") is None


def test_a_subject_must_be_assigned_to_the_reporter(example: Inventory) -> None:
    """Devices and agentless hosts have labels of their own, systems those of who asks."""
    his, probe = owner(example, "his-01"), owner(example, "may-do-kham")

    assert example.assigned(his, "switch-loi") == Owner(
        "agent", "bv-da-khoa-tinh", "co-so-1", "switch-loi", "server"
    )
    windows = example.assigned(his, "lis-windows")
    assert windows is not None
    assert windows.host == "lis-windows"
    assert example.assigned(his, "lis") == his
    assert example.assigned(probe, "emr") == probe
    for stranger, subject in (
        (probe, "switch-loi"),
        (his, "emr"),
        (his, "pacs-01"),
        (his, "nothing"),
        (Owner("agent", "ttyt-son-dong", "tru-so", "may-do"), "switch-loi"),
        (Owner("agent", "bv-da-khoa-tinh", "co-so-2", "his-01"), "switch-loi"),
        (Owner("agent", "elsewhere", "x", "his-01"), "switch-loi"),
    ):
        assert example.assigned(stranger, subject) is None


def test_backup_series_follow_from_datasets_and_destinations(example: Inventory) -> None:
    """One series for each place the data go."""
    series = example.series_of(owner(example, "his-01"))

    assert [one.id for one in series] == [
        "bv-da-khoa-tinh/his-01/csdl-his@nas",
        "bv-da-khoa-tinh/his-01/csdl-his@ngoai-vien",
    ]
    assert series[0].dataset.rpo_hours == 24
    assert example.series_of(owner(example, "pacs-01")) == []
    assert len(list(example.all_series())) == 2


def test_names_come_in_both_languages(example: Inventory) -> None:
    """English where there is one; the id where there is no name at all."""
    hospital = example.facility("bv-da-khoa-tinh")
    small = example.facility("ttyt-son-dong")
    assert hospital is not None
    assert small is not None

    assert hospital.title("vi") == "Bệnh viện Đa khoa tỉnh Bắc Sông"
    assert hospital.title("en") == "Bac Song General Hospital"
    assert hospital.sites[0].hosts[0].title("en") == "Máy chủ HIS"
    assert small.sites[0].title("vi") == "tru-so"


def test_ansible_gets_every_host_with_an_agent(example: Inventory) -> None:
    """Grouped by role and by facility, with the names the certificate will carry."""
    tree = yaml.safe_load(export.ansible_yaml(example))["all"]["children"]

    assert set(tree) == {
        *("servers", "probes", "facility_bv_da_khoa_tinh", "facility_ttyt_son_dong"),
    }
    hosts = tree["facility_bv_da_khoa_tinh"]["hosts"]
    assert hosts["bv-da-khoa-tinh-his-01"] == {
        "ansible_host": "10.20.0.11",
        "tramgac_facility": "bv-da-khoa-tinh",
        "tramgac_site": "co-so-1",
        "tramgac_host": "his-01",
        "tramgac_role": "server",
    }
    assert "bv-da-khoa-tinh-lis-windows" not in hosts
    assert set(tree["probes"]["hosts"]) == {
        *("bv-da-khoa-tinh-may-do-kham", "bv-da-khoa-tinh-may-do-cs2", "ttyt-son-dong-may-do"),
    }


def test_what_is_not_declared_cannot_be_exported(example: Inventory) -> None:
    """A typing error is told, not answered with an empty file."""
    for place in ("bv-da-khoa-tinh/none", "his-01", ""):
        with pytest.raises(export.NoSuchObjectError, match="no host"):
            export.agent_toml(example, place)
    with pytest.raises(export.NoSuchObjectError, match="`his-01` probes it"):
        export.agent_toml(example, "bv-da-khoa-tinh/lis-windows")
    with pytest.raises(export.NoSuchObjectError, match="no dataset"):
        export.probe_toml(example, "bv-da-khoa-tinh/his-01", "tape")
