"""What the commands and the demonstrations share: printing in columns, the timeline of a payment, and errors in one line."""
