"""Human rating: a blind page for several raters, each click kept at once, and what the ratings say."""
