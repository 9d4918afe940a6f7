"""Hours of one patient in bed who does not exist, and all that was scripted beside them."""

import json

import mien
from mien.recording.synthetic_stay import script

stay = mien.simulate_stay("stay.parquet", hours=0.1, start_hour=12.2, seed=1)
print(stay.table, stay.rows, "rows,", stay.rows_without_face, "without a face")
for line in stay.truth.read_text("utf-8").splitlines()[:5]:
    told = json.loads(line)
    print(f"{told['onset_s']:6.1f} to {told['end_s']:6.1f} s  {told['kind']}")

# The script alone takes no time: a week of it.
week = script(1, 24 * 7)
print(
    len(week.distress), "episodes of distress, the first from", f"{week.distress[0].start_s:.0f} s"
)
