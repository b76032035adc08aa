"""Mail to people: through SMTP, or into a folder where none is set."""
