"""What the SQLite and the PostgreSQL store share: schema, statements, rows and JSON documents."""
