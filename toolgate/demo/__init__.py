"""The demo: recorded runs played through a real gate, and a check of everything that comes out."""
