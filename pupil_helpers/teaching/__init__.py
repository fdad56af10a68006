"""What the book's exercises need."""
