"""New keys for meters: ordered by two people, drawn by each meter, and proved by its words."""
