"""From a question to the records that answer it: words, vectors, time expressions and the ranking of all of them."""
