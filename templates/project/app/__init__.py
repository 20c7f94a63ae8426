"""A real-time server: Socket.IO namespaces and an HTTP API on one port."""
