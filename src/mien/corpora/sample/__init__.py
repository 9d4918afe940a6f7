"""The packaged sample: six CREMA-D clips of actor 1001, one an emotion.

Crowd-sourced Emotional Multimodal Actors Dataset, Cao et al., IEEE Transactions
on Affective Computing 5(4), 2014; ODbL 1.0 / DbCL 1.0, see LICENSE.txt.
"""

from pathlib import Path

SAMPLE_FOLDER = Path(__file__).parent
