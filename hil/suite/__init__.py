"""The suite: what every meter is asked, a file for each subject (`hil.stories.collecting` finds them)."""
