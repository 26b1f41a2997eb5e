"""Steps from stored samples to pixels, as reports name them; none of them loses a bit. Imports nothing."""

MAPPED, DROPPED, MERGED = "grey palette mapped", "constant opacity dropped", "three equal channels taken as one"
