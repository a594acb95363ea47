"""The choices at the top of boards, and the matchers that go with them."""

from typing import Final

from tramgac_dashboards.alerts.thresholds import CENTRE
from tramgac_dashboards.model import Text, Variable

FACILITY: Final = Variable(
    "facility", Text(vi="Cơ sở", en="Facility"), "label_values(tramgac_facility_info, facility)"
)
ONE_FACILITY: Final = Variable(
    "facility",
    Text(vi="Cơ sở", en="Facility"),
    "label_values(tramgac_facility_info, facility)",
    several=False,
)
SITE: Final = Variable(
    "site",
    Text(vi="Địa điểm", en="Site"),
    'label_values(tramgac_host_info{facility=~"$facility"}, site)',
)
HOST: Final = Variable(
    "host",
    Text(vi="Máy", en="Host"),
    'label_values(tramgac_host_info{facility=~"$facility", site=~"$site",'
    ' role=~"server|probe"}, host)',
)
ONE_HOST: Final = Variable(
    "host",
    Text(vi="Máy", en="Host"),
    'label_values(tramgac_host_info{facility=~"$facility", role=~"server|probe"}, host)',
    several=False,
)

# Matchers; put them between braces.
IN_FACILITY: Final = 'facility=~"$facility"'
IN_SITE: Final = 'facility=~"$facility", site=~"$site"'
ON_HOST: Final = 'facility=~"$facility", host=~"$host"'

# Of one value while every part of the judge works on what comes in now; what is multiplied by it
# shows its zero only then. Not by a recording rule: where none is loaded the zero would be a lie.
_TURN: Final = "tramgac_judge_last_turn_timestamp_seconds"
JUDGED: Final = (
    f'count(min({_TURN}{{part!="facts"}}) > time() - {CENTRE["judge_trusted_seconds"]}'
    f' and on() max({_TURN}{{part="facts"}}) > time() - {CENTRE["facts_trusted_seconds"]})'
)

# Longest first: what a name begins with, and what people write for it.
_ABBREVIATIONS: Final = (
    ("Bệnh viện Đa khoa", "BVĐK"),
    ("Bệnh viện", "BV"),
    ("Trung tâm Y tế", "TTYT"),
)


def short_names(expr: str) -> str:
    """The same series with names that fit into a tile; English names stay as they are."""
    for long, short in _ABBREVIATIONS:
        expr = (
            f'label_replace({expr}, "name_{{lang}}", "{short} $1", "name_{{lang}}", "{long} (.*)")'
        )
    return expr


# Gives a facility's series its name; after it, `name_{lang}` is a label.
NAMED: Final = " * on(facility) group_left(name_{lang}) tramgac_facility_info"
