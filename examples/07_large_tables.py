"""A table in half the bytes, as CSV too; and what large tables left in the cache.

The public table, 4.6 GB, is `mien.fetch(out="data")` away; `mien.train` reads a table of
that size once into a matrix on disk and streams from it.
"""

import mien

print(mien.convert("landmarks.parquet", "landmarks.csv").rows)
kept = mien.cache()
print(f"{len(kept.entries)} matrices in the cache folder")
