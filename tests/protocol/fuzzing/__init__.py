"""Clients that do whatever comes to mind, against a real server: `steps` has what, `arena` what must hold."""
