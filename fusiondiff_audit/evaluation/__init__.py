"""The benchmark: which pictures, which rivals, and how the answers are counted."""
