"""Video in, landmark table out: 478 points a frame, one row a frame."""

import mien
from mien.corpora.sample import SAMPLE_FOLDER


def main() -> None:
    result = mien.extract([SAMPLE_FOLDER], "landmarks.parquet", workers=2)
    print(f"{result.clips} clips, {result.rows} rows, {result.rows_without_face} without a face")


if __name__ == "__main__":  # workers import this file, so it must not start by itself
    main()
