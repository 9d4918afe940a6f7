"""Who is in a corpus: labels, subjects, splits, and the packaged sample."""
