"""Points of the loop that mean something to whoever runs it; every other one is only a name."""

PAUSE = "pause"  # wait a moment before going on
PATIENCE = 100  # pauses that the loop makes for one thing before it gives up
