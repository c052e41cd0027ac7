"""How the cells of a table of texts are read as numbers, dates, truth values or texts, and written again."""
