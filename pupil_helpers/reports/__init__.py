"""Pages that show what was found: the last room, which may look into all others."""
