"""Studies: each kind reads stored judgments into plain rows, asks `rewards.statistics`, and keeps the answer."""
