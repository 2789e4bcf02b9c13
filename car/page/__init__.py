"""The driver's page on port 8887: a donkeycar part, its server, and what the browser gets."""
