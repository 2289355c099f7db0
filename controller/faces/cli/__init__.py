"""`relance`, the operator's command line; a file per noun.

Every act of a person becomes a signed order and a queued message, in one transaction of the store; `relance
serve` publishes it. Commands have no other way to the service. `showing` prints for people and for programs;
`protocols.rim.terminal` decides the exit status.
"""
