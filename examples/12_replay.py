"""Recordings through the bedside watch: states and alerts, a log, a picture, reasons.

Research use only: it describes visible facial behaviour, and says nothing of pain or risk.
"""

from filecmp import cmp as same

import mien
from mien.risk.settings import SignalSettings, WatchSettings
from mien.risk.words import line_of

# The stay of the example before. Its log and picture are whole when this returns.
done = mien.replay(
    "stay.parquet",
    baseline=120,  # seconds to learn what is usual, where there are no 30 minutes
    log="stay.jsonl",
    figure="stay.png",
    on_event=lambda event: print(line_of(event)) if line_of(event) else None,
)
(patient,) = done.patients
print(f"{patient.length_s} s, {patient.scored_s} scored, {len(patient.records)} alerts")
mien.replay("stay.jsonl", baseline=120, log="again.jsonl")
print("the log says the same again:", same("stay.jsonl", "again.jsonl"))

# Under other limits, which change the hash on every alert, and why there is one.
strict = WatchSettings(signal=SignalSettings(not_observable_s=5))
mien.replay("stay.jsonl", settings=strict, log="strict.jsonl")
for record in mien.replay("strict.jsonl", settings=strict).records[:1]:
    print(*mien.replay("strict.jsonl", explain=record.key).explanation, sep="\n")

# Real clips, one after another: a few seconds of acting, which are no alert.
print(mien.replay("landmarks.parquet").patients[0].frames)
