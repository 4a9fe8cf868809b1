"""The embedded AWS: for trying, developing and testing on one machine. Nothing else imports this."""
