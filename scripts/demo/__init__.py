"""A made-up province: simulated agents over real gRPC, with a real centre beside them."""
