"""Near misses: denials clustered by effect, what would let them through, and whether they got through another way."""
