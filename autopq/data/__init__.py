"""From a user's table to windows on a regular panel: read, audit, split."""
