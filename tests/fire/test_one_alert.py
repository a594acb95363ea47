"""One cut is one mail: real processes, a real Alertmanager, and what a person gets at the end."""

import time
from pathlib import Path

from helpers.backup import until
from helpers.province import SINGLE, Plan, Province, running
from helpers.province_centre import Centre, running_centre

PLAN = Plan(sites=8, agents=3, hosted=4)
# From the cut to the mail; the design's figure.
TOLD_SECONDS = 180.0
# Several of Alertmanager's looks and of the judge's ticks.
QUIET_SECONDS = 4.0


def cut_all(province: Province) -> float:
    """A site, a health station and a provider at once; returns when."""
    province.cut(PLAN.dark)
    province.power(SINGLE, on=False)
    province.systems([f"{one}/his" for one in PLAN.hospitals[: PLAN.hosted]], up=False)
    return time.time()


def restart_all(centre: Centre) -> None:
    """SIGKILL of the collector, restart of Alertmanager, and wait until it knows again."""
    centre.kill()
    centre.alertmanager.stop()
    centre.alertmanager.start()
    centre.start()
    until(lambda: len(incidents(centre)) == 3, 60)


def incidents(centre: Centre) -> list[str]:
    """Alerts that Alertmanager holds, gaps left out."""
    held = centre.alertmanager.alerts()
    return sorted(one["labels"]["alertname"] for one in held if "incident" in one["labels"])


def test_three_cuts_at_once_are_three_mails_whatever_restarts(tmp_path: Path) -> None:
    """A site, a health station and a provider: one mail each within 180 s, none of them doubled."""
    with running_centre(tmp_path, PLAN) as (centre, identities):
        province = Province(PLAN, identities, (centre.ports["grpc"], centre.ca_pem))
        with running(province):
            until(lambda: min(province.calls()) >= 1, 30)
            cut = cut_all(province)
            time.sleep(15)
            centre.kill()
            centre.start()
            site = centre.wait_mail("SiteUnreachable", PLAN.dark, TOLD_SECONDS)
            single = centre.wait_mail("SiteUnreachable", SINGLE, TOLD_SECONDS)
            provider = centre.wait_mail("ProviderDown", "Đám mây", TOLD_SECONDS)
            restart_all(centre)
            time.sleep(QUIET_SECONDS)
            province.check()

            assert max(one.at for one in (site, single, provider)) - cut <= TOLD_SECONDS
            assert "chưa rõ: điện, đường truyền hay máy chủ" in single.text
            told = [one.subject for one in centre.mails()]
            assert sorted(told) == [
                "firing ProviderDown 1",
                "firing SiteUnreachable 1",
                "firing SiteUnreachable 1",
            ], told
