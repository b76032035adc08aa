"""People and organizations: users, organizations, members and the audit log."""
