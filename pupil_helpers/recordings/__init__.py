"""Where sessions come from: simulated mice and published recordings."""
