"""The reference's network, scored honestly. One actor: the end of each clip is held out."""

import mien

trained = mien.train("landmarks.parquet", out="model", recipe="seed", split="time")
for split in trained.results.splits:
    accuracy = split.frames.accuracy.value
    print(f"{split.title:24} {accuracy:.3f} of {split.frames.count} frames")

evaluated = mien.evaluate("landmarks.parquet", recipe="seed", split="time")
print("the same numbers:", evaluated.results.splits == trained.results.splits)
