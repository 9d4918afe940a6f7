"""mien: face video to landmarks, landmarks to emotion probabilities. Research use only."""

__version__ = "0.1.0"
