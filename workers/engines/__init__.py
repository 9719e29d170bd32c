"""Engines run models: in this process (transformers) or, through one contract, elsewhere."""
