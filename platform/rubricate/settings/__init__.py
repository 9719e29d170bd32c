"""Settings: `base` is shared; `dev` runs on one machine, `prod` in the open, `test` under pytest."""
