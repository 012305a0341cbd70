"""`python -m dashboards.write`: writes every dashboard to dashboards/generated/, where they are committed."""

import json
from pathlib import Path

from dashboards.build import dashboards
from services.catalog.load import load_plan
from services.domain.plan import Plan
from services.settings import Settings

GENERATED = Path(__file__).parent / "generated"


def write(folder: Path, plan: Plan) -> list[Path]:
    """The files written; a dashboard that no builder gives any more is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    files = []
    for dashboard in (one for of_language in dashboards(plan).values() for one in of_language):
        file = folder / f"{dashboard['uid']}.json"
        file.write_text(json.dumps(dashboard, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        files.append(file)
    return files


if __name__ == "__main__":
    for written in write(GENERATED, load_plan(Settings().plan)):
        print(written)
