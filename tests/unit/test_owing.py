"""When a summary is owed: the company's day and hour, through changes of the clock."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from erp.owing import turn
from erp.settings import MailSettings

CHICAGO = "America/Chicago"


def mail(at: str = "07:00", zone: str = CHICAGO) -> MailSettings:
    return MailSettings(host="mail", sender="payapp@acme.example", summary_at=at, time_zone=zone)


def ms(text: str, zone: str = CHICAGO) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "day", "due", "following"),
    [
        ("2026-11-23 06:59:59", "2026-11-23", False, "2026-11-23 07:00"),
        ("2026-11-23 07:00", "2026-11-23", True, "2026-11-24 07:00"),
        ("2026-11-23 23:59", "2026-11-23", True, "2026-11-24 07:00"),
        ("2026-11-24 00:00", "2026-11-24", False, "2026-11-24 07:00"),
        # The clock goes back and forth on these nights: the hour stays 07:00 there.
        ("2026-10-31 08:00", "2026-10-31", True, "2026-11-01 07:00"),
        ("2026-03-07 08:00", "2026-03-07", True, "2026-03-08 07:00"),
    ],
)
def test_the_day_and_the_hour_are_the_companys(now: str, day: str, due: bool, following: str) -> None:
    found = turn(mail(), ms(now))
    assert (found.day, found.due, found.next_ms) == (day, due, ms(following))


def test_another_zone_is_in_another_day() -> None:
    now = ms("2026-11-23 23:30")
    assert turn(mail(zone="Asia/Tokyo"), now).day == "2026-11-24"
    assert turn(mail(zone="UTC"), now).day == "2026-11-24"


def test_without_a_zone_it_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        found = turn(mail(zone=""), ms("2026-11-23 06:30", "Asia/Tokyo"))
        assert (found.day, found.due) == ("2026-11-23", False)
        assert found.next_ms == ms("2026-11-23 07:00", "Asia/Tokyo")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_no_hour_is_never() -> None:
    assert not turn(mail(at=""), ms("2026-11-23 23:59")).due


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("summary_at", "7", "time of the day"),
        ("summary_at", "24:00", "time of the day"),
        ("summary_at", "07:00:00", "time of the day"),
        ("time_zone", "Mars/Olympus", "time zone"),
        ("time_zone", "../etc/passwd", "time zone"),
    ],
)
def test_settings_that_name_no_hour_or_zone_are_refused(key: str, value: str, word: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=word):
        msgspec.convert({"host": "mail", "sender": "a@b.example", key: value}, MailSettings)
