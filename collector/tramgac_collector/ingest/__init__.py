"""From the wire to the store: who may send, what is accepted, when it is acknowledged."""
