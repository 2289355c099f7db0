"""The record of a run: what was measured on which bench and meter, story by story. Values, and their JSON."""
