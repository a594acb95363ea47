"""Rule packs as data, and the engine that judges facts by them."""
