"""Three networks in every route to int8, built, compared and timed side by side; `compare` measures them."""
