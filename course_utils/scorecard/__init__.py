"""Published figures beside measured ones: the claims of a lesson."""
