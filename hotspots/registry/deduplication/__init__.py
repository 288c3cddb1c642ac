"""Two records of one thing: how alike names are, candidates, and merging them."""
