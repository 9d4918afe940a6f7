"""The table as Arrow, as an array, and what is wrong with it."""

import mien
from mien.tables import has_face, points_of

table = mien.read_landmarks("landmarks.parquet")
points = points_of(table)  # (rows, 478, 3) float32; NaN where there is no face
print(points.shape, f"{has_face(points).mean():.0%} of the frames have a face")

inspection = mien.inspect("landmarks.parquet")
print(inspection.survey.labels)
print(inspection.problems or "no problems")
print(inspection.survey.leakage_sentence())
