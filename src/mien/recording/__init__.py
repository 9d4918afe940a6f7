"""Recordings in, points out; points drawn on frames."""
