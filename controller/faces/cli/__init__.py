"""`relance`: what the operator types; a file per noun.

Every act of a person becomes a signed order and a row of the outbox in one transaction of the store;
`relance serve` takes it from there. There is no private way into the service. How commands end is
`exits`; what they print for people and for programs is `showing`.
"""
