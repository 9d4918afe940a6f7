"""What the watch's alarms are worth on simulated patients: found, missed, raised for nothing.

Level of evidence: simulation and replay, no patients. Here a few episodes; `benchmarks/alarms.py`
asks for hundreds and for months of event-free time.
"""

import mien

found = mien.evaluate_alarms(days=0, episodes=2, vanishing=0, wavering=0, replays=0, out="alarms")
whole = found.results.whole
for name, of in (("P of 6 or more", whole.strong), ("4 to 6", whole.weak)):
    print(f"{name}: {of.found.found} of {of.found.count} found, median {of.median_s:.0f} s")
print(found.report)
