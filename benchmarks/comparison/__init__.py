"""What a generated server takes, beside Node's socket.io and plain python-socketio: `benchmarks/run`."""
