"""Numbers about models, every figure, and the report."""
