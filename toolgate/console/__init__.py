"""The console: what waits, was refused or is stopped, in a browser; who decides there signs with their own key."""
