"""From raw samples to signals: firing rates, the pupil's features, and which trials to use."""
