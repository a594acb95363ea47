"""What a site may spend in a day."""

from tramgac_collector.lan.budget import DAY_MS, Account

NOW = 1_790_000_000_000


def test_the_wait_ends_when_enough_is_a_day_old() -> None:
    """Two old grants must go before a large test fits."""
    account = Account()
    for hour in range(3):
        account.charge(NOW + hour * 3_600_000, 40)

    now = NOW + 3 * 3_600_000
    assert account.spent(now) == 120
    assert account.wait_ms(30, now, 150) == 0
    assert account.wait_ms(31, now, 150) == NOW + DAY_MS - now
    assert account.wait_ms(80, now, 150) == NOW + 3_600_000 + DAY_MS - now
    assert account.spent(NOW + DAY_MS) == 80


def test_what_never_fits_waits_a_day() -> None:
    """A test larger than the whole budget is not promised for an hour."""
    assert Account().wait_ms(200, NOW, 150) == DAY_MS
