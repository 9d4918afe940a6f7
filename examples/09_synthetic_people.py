"""People who do not exist, with a known answer: tables to try things on before real ones."""

import mien
from mien.recording.synthetic import Scenario, clips

people = mien.simulate("people.parquet", people=6, clips_each=6, frames=30, seed=1)
print(people.table, people.rows, "rows,", people.rows_without_face, "without a face")
print(mien.inspect(people.table).problems or "no problems")

# Two emotions that only motion tells apart: each is the other played backwards.
pair = mien.simulate("pair.parquet", kind="motion-pair", people=3, clips_each=4, frames=45)
print(pair.clips)

# Clip by clip, without a table.
for clip in clips(Scenario(people=1, clips_each=2, frames=30, emotions=("Happy", "Neutral"))):
    print(clip.name, clip.label, clip.points.shape, f"{clip.times_s[-1]:.1f} s")
