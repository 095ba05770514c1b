"""Where payments are kept: in memory for tests, in an SQLite file or a PostgreSQL database for real."""
