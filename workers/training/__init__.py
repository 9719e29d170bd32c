"""Learning small weights from an export's labels: heads, detectors and low-rank adapters on frozen models."""
