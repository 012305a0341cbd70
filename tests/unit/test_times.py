"""Days and times as officials write them."""

from datetime import date

from services.catalog.words.times import day_title, short_day_title, time_title
from services.domain.plan.plan import Title
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Zone

ZONE = Zone("Asia/Shanghai")


def test_a_day_is_written_without_leading_zeros() -> None:
    assert day_title(date(2021, 10, 8)) == Title(zh="2021年10月8日", en="8 Oct 2021")
    assert short_day_title(date(2021, 1, 31)) == Title(zh="1月31日", en="31 Jan")


def test_a_time_is_that_of_the_zone_and_the_end_of_a_day_is_its_24_00() -> None:
    assert time_title(read("2021-10-08T06:05:30Z"), ZONE) == Title(zh="2021年10月8日 14:05", en="8 Oct 2021, 14:05")
    end = read("2021-10-09T00:00:00+08:00") - 1
    assert time_title(end, ZONE) == Title(zh="2021年10月8日 24:00", en="8 Oct 2021, 24:00")
    assert time_title(end + 1, ZONE).zh == "2021年10月9日 00:00"
