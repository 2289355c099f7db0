"""Orders from draft to effective; the rooms of moratoriums, payments, releases and so on are built on it."""
