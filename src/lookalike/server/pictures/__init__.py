"""Pictures on their way out: thumbnails, originals, and several at once."""
