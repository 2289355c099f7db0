"""Orders from draft to effective: the spine that every noun of the operator's stands on."""
