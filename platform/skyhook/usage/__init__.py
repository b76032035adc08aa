"""What was used: one event a call, and hourly roll-ups that are written with it and never disagree."""
