"""What preference losses make of stored pairs: the value, the margin, and the weight on each token. Pure."""
