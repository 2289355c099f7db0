"""The files of the card: what each holds, as a class with its codec and its vectors beside it."""
