"""What faces show, from their points alone: head pose, gaze, openings, 52 blendshapes."""

import mien

found = mien.features("landmarks.parquet", out="features.parquet", overwrite=True)
print(f"{found.rows} rows, {found.rows_without_face} without a face")
print(", ".join(feature_set.name for feature_set in found.sets))
