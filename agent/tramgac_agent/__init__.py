"""The agent: measures one hospital server and keeps every result until the centre has it."""
