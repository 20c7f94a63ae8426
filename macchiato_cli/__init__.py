"""macchiato: authenticated, tested, typed Socket.IO servers from one command."""

__version__ = "0.6.0"
