"""One function a verb, joining the stages: the public library."""
