"""Groups of rows by the values of a column: which they are, and in which features they differ from all other rows."""
