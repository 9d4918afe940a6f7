"""Models: features in, emotion probabilities out."""
