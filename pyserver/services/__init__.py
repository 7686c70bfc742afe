"""The servicers: one a file, none knows the transport that carries it."""
