"""Replaying: a recorded history decided again, and compared with what was recorded."""
