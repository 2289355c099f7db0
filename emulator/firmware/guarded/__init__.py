"""The firmware a meter should have: interval clock, gate, leased permission, holds."""
