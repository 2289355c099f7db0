"""Stories: how one is declared, what it sees of a bench, how it is played and recorded."""
