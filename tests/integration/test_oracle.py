"""Real casework and a made-up one, imported, replayed month by month, and compared with independent figures."""

import csv
import gzip
import shutil
from pathlib import Path

import pytest

from tests import oracle

DATA = Path(__file__).parents[3] / "shared" / "data"
SETS = {"nl-wabo-receipt": "Europe/Amsterdam", "us-boston311-2011": "America/New_York"}


def _real(name: str) -> Path:
    folder = DATA / name
    if not (folder / "oracle.csv").is_file():
        pytest.skip(f"the data set {name} is not beside the project (../shared/data)")
    return folder


@pytest.mark.parametrize("name", SETS)
def test_the_figures_of_real_casework_equal_those_of_the_oracle(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = oracle.main([str(_real(name)), "--timezone", SETS[name]])
    output = capsys.readouterr().out
    print(output)
    assert code == 0, output
    assert "MISMATCH" not in output


def test_a_wrong_zone_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    folder = _real("nl-wabo-receipt")
    assert oracle.main([str(folder), "--timezone", "UTC"]) == 1
    assert "MISMATCH: mean_calendar_days" in capsys.readouterr().out


# ---- made up, so that suspensions and every way of being wrong are looked at without the real data ---------
HEADER = "case_id,unit,service,event,occurred_at,channel,channel_raw,due_at"
EVENTS = f"""{HEADER}
a,North,permit,accepted,2021-03-01 09:00:00,online,Web,2021-03-05 12:00:00
a,North,permit,suspended,2021-03-02 00:00:00,online,Web,
a,North,permit,resumed,2021-03-04 00:00:00,online,Web,
a,North,permit,completed,2021-03-05 15:00:00,online,Web,
b,North,permit,accepted,2021-03-30 09:00:00,offline,Desk,2021-03-31 09:00:00
b,North,permit,completed,2021-04-01 09:00:00,offline,Desk,
c,South,permit,accepted,2021-04-06 10:00:00,unknown,,
"""
ORACLE = """unit,month,completed,mean_calendar_days,mean_working_days,p95_working_days,n_channel_known,n_online,\
share_online,n_with_due,n_within,share_within,n_within_by_date,share_within_by_date,mean_net_cal,p95_net_cal
North,2021-03,1,4.25,4,4,1,1,1,1,0,0,1,1,2.25,2.25
North,2021-04,1,2,2,2,1,0,0,1,0,0,0,0,2,2
North,ALL,2,3.125,3,3.9,2,1,0.5,2,0,0,1,0.5,2.125,2.2375
ALL,2021-03,1,4.25,4,4,1,1,1,1,0,0,1,1,2.25,2.25
ALL,2021-04,1,2,2,2,1,0,0,1,0,0,0,0,2,2
ALL,ALL,2,3.125,3,3.9,2,1,0.5,2,0,0,1,0.5,2.125,2.2375
"""


def _folder(tmp_path: Path, answers: str) -> Path:
    with gzip.open(tmp_path / "events_normalised.csv.gz", "wt", encoding="utf-8") as events:
        events.write(EVENTS)
    (tmp_path / "oracle.csv").write_text(answers, encoding="utf-8")
    return tmp_path


def test_suspended_cases_are_compared_by_gross_and_net_durations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = oracle.main([str(_folder(tmp_path, ORACLE)), "--timezone", "Europe/Amsterdam"])
    output = capsys.readouterr().out
    assert code == 0, output
    assert "6 rows, 14 columns, 84 cells compared" in output


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("North,2021-03,1,4.25", "North,2021-03,2,4.25", "completed: smaller here: 1"),
        ("North,2021-04,1,2,2", "North,2021-04,1,2.00001,2", "mean_calendar_days: smaller here"),
        ("North,ALL,2,3.125,3,3.9,2,1,0.5", "North,ALL,2,3.125,3,3.9,2,1,0.500002", "share_online: smaller here"),
        ("ALL,ALL,2,3.125,3,3.9,2,1,0.5,2,0,0,1", "ALL,ALL,2,3.125,3,3.9,2,1,0.5,2,0,0,2", "n_within_by_date: smaller"),
        ("North,2021-04,1,2,2,2,1,0,0,1,0,0,0,0,2,2\n", "", "not in the oracle: 1"),
        ("North,ALL", "West,ALL", "mean_calendar_days: only in the oracle"),
    ],
)
def test_a_tampered_oracle_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], right: str, wrong: str, said: str
) -> None:
    assert right in ORACLE
    folder = _folder(tmp_path, ORACLE.replace(right, wrong, 1))
    assert oracle.main([str(folder), "--timezone", "Europe/Amsterdam"]) == 1
    assert f"MISMATCH: {said}" in capsys.readouterr().out


def test_one_tampered_cell_of_the_real_oracle_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _real("nl-wabo-receipt")
    shutil.copy(folder / "events_normalised.csv.gz", tmp_path)
    with (folder / "oracle.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines))
    column = rows[0].index("p95_working_days")
    rows[7][column] = str(float(rows[7][column]) + 0.00001)
    with (tmp_path / "oracle.csv").open("w", encoding="utf-8", newline="") as sink:
        csv.writer(sink).writerows(rows)
    assert oracle.main([str(tmp_path), "--timezone", "Europe/Amsterdam"]) == 1
    assert "MISMATCH: p95_working_days: smaller here: 1" in capsys.readouterr().out
