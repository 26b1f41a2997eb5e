"""An audit: a signed batch in, a signed report out. Nothing else makes a verdict."""
