"""The challenge: entries, their exam in the sandbox, the jury and the board."""
