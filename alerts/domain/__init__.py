"""What is decided here, without a database, a clock or a wire."""
