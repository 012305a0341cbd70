"""`python -m dashboards.write`: writes every dashboard to dashboards/generated/, where they are committed."""

import json
from pathlib import Path

from dashboards.overview import UID, overview

GENERATED = Path(__file__).parent / "generated"


def write(folder: Path) -> list[Path]:
    """The files written; a dashboard that no builder gives any more is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    path = folder / f"{UID}.json"
    path.write_text(json.dumps(overview(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return [path]


if __name__ == "__main__":
    for written in write(GENERATED):
        print(written)
