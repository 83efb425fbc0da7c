"""Published figures beside measured ones: the claims of a lesson, and the ledger of all lessons."""
