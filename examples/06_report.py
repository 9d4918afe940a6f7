"""The report again, from the model folder alone."""

import mien

print(mien.report("model", out="report.html"))
