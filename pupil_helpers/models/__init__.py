"""Models that predict spike counts from the pupil."""
