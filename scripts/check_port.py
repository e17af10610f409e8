"""Say at once that a port is taken, instead of when the server binds it: `check_port.py PORT`."""

import socket
import sys

port = int(sys.argv[1])
with socket.socket() as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", port))
    except OSError as error:
        sys.exit(f"port {port} is taken ({error.strerror}): make ui PORT=3001")
