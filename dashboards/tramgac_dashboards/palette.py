"""Colours that people with any colour vision can tell apart, and the meanings all boards share.

The hues are those that Okabe and Ito chose for colour-blind readers (jfly.uni-koeln.de/color).
"""

from tramgac_dashboards.model import Look, Meaning, Step, Text

GOOD = "#009E73"
NOTE = "#56B4E9"
WARN = "#E69F00"
BAD = "#D55E00"
WORST = "#CC79A7"
UNKNOWN = "#808080"
PLAIN = "#0072B2"


def rising(warn: float, bad: float) -> tuple[Step, ...]:
    """The more, the worse."""
    return (Step(None, GOOD), Step(warn, WARN), Step(bad, BAD))


def falling(bad: float, warn: float) -> tuple[Step, ...]:
    """The less, the worse."""
    return (Step(None, BAD), Step(bad, WARN), Step(warn, GOOD))


def any_is(colour: str) -> tuple[Step, ...]:
    """None is good, one or more has this colour."""
    return (Step(None, GOOD), Step(1, colour))


# A figure that is neither good nor bad.
NEUTRAL = (Step(None, PLAIN),)

# As the recording rule `facility:tramgac_open_severity:max` has it; absent where nobody looks.
SEVERITY = (
    Meaning("0", Text(vi="không thấy sự cố", en="nothing found"), GOOD),
    Meaning("0.5", Text(vi="biết quá ít", en="known too little"), UNKNOWN),
    Meaning("1", Text(vi="thấp", en="low"), NOTE),
    Meaning("2", Text(vi="vừa", en="medium"), WARN),
    Meaning("3", Text(vi="cao", en="high"), BAD),
    Meaning("4", Text(vi="nghiêm trọng", en="critical"), WORST),
)
UP = (
    Meaning("1", Text(vi="đang gọi về", en="reports"), GOOD),
    Meaning("0", Text(vi="im lặng", en="silent"), BAD),
)
ANSWERS = (
    Meaning("1", Text(vi="trả lời", en="answers"), GOOD),
    Meaning("0", Text(vi="không trả lời", en="no answer"), BAD),
)
YES_IS_BAD = (
    Meaning("0", Text(vi="không", en="no"), GOOD),
    Meaning("1", Text(vi="có", en="yes"), BAD),
)
YES_IS_GOOD = (
    Meaning("0", Text(vi="không", en="no"), BAD),
    Meaning("1", Text(vi="có", en="yes"), GOOD),
)
# The values of `tramgac_rule_status`.
RULE_STATUS = (
    Meaning("0", Text(vi="không thấy hở", en="no gap observed"), GOOD),
    Meaning("1", Text(vi="hở", en="gap"), BAD),
    Meaning("2", Text(vi="hở một phần", en="partial"), WARN),
    Meaning("3", Text(vi="chưa biết", en="unknown"), UNKNOWN),
    Meaning("4", Text(vi="bằng chứng cũ", en="stale"), UNKNOWN),
    Meaning("5", Text(vi="không áp dụng", en="not applicable"), PLAIN),
    Meaning("6", Text(vi="chưa xét", en="not evaluated"), UNKNOWN),
    Meaning("7", Text(vi="ngoài tầm đo", en="out of reach"), UNKNOWN),
)

COVERAGE = Look(unit="percentunit", steps=falling(0.8, 0.95), decimals=0, least=0, most=1)
AGE = Look(unit="s", steps=NEUTRAL)
WHEN = Look(unit="dateTimeFromNow")
COUNT = Look(unit="short", steps=NEUTRAL, decimals=0)

# The states of docs/backups.md, the worst first; `tramgac_backup_state` has them as a label.
BACKUP_STATE = (
    Meaning("failed", Text(vi="hỏng", en="failed"), WORST),
    Meaning("blocked", Text(vi="bị chặn", en="blocked"), BAD),
    Meaning("late", Text(vi="trễ", en="late"), BAD),
    Meaning("blind", Text(vi="không nhìn thấy", en="blind"), UNKNOWN),
    Meaning("suspicious", Text(vi="đáng ngờ", en="suspicious"), WARN),
    Meaning("partial", Text(vi="thiếu", en="partial"), WARN),
    Meaning("unverified", Text(vi="chưa chứng minh", en="unverified"), NOTE),
    Meaning("ok", Text(vi="đủ bằng chứng", en="proven"), GOOD),
)
# The same as numbers, for lines over time: 8 is the worst, 1 is proven.
BACKUP_NUMBERS = tuple(
    Meaning(str(len(BACKUP_STATE) - place), one.text, one.colour)
    for place, one in enumerate(BACKUP_STATE)
)

# Facilities nobody hears of stand before all others: not knowing is the worst of all.
VERDICT = (
    Meaning("5", Text(vi="không biết gì", en="nothing known"), UNKNOWN),
    *reversed(SEVERITY[1:]),
    Meaning("0", Text(vi="không thấy", en="none found"), GOOD),
)
# As incidents have it in their label.
SEVERITY_NAMES = (
    Meaning("critical", SEVERITY[5].text, WORST),
    Meaning("high", SEVERITY[4].text, BAD),
    Meaning("medium", SEVERITY[3].text, WARN),
    Meaning("low", SEVERITY[2].text, NOTE),
    Meaning("info", Text(vi="thông tin", en="info"), PLAIN),
)
