"""Who an agent is: the CA, tokens, the register, the four doors, clones."""
