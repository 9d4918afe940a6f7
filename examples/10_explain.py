"""Which parts of the face moved a model's answers: numbers, words, and heat on a face."""

import mien
from mien.evaluation.explanation_page import describe

# The rules of facs, which need no training, on the packaged clips.
done = mien.explain("landmarks.parquet", out="explanation")
print(*describe(done.explanation), sep="\n")

# A trained network, by integrated gradients, and one clip of its answers.
clip = done.explanation.clips[0].clip
found = mien.explain(
    "landmarks.parquet",
    model="model",
    out="explanation_of_model",
    method="integrated-gradients",
    clip=clip,
).explanation
shown = next(each for each in found.clips if each.points is not None)
print(shown.clip, shown.answer, {area.area: round(area.nats.value, 2) for area in shown.areas})
