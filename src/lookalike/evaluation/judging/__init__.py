"""How good a ranking is: judgements, metrics, and how sure the means are."""
