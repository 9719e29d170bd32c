"""The stack of one machine: real PostgreSQL, real Valkey, the web server, the workers and beat as child processes."""
