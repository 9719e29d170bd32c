"""Sources without a model: they compare, parse, count or run what a policy wrote."""
