"""Models on held-out trials: cross-validation, comparisons, summaries and null tests."""
