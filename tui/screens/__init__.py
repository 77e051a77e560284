"""Screens of the desk; the stylesheet of each stands beside it."""
