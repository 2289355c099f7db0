"""The head-end: a room for each of the operator's subjects (leases, payments …), service, faces, and demo."""
