"""Roots: whose keys count. Two people renew the root each year, and take away the keys of who has left."""
