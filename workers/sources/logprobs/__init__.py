"""Dense rewards made of log-probabilities: what models make of each token that a policy wrote."""
