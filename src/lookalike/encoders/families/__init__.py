"""Networks of the field's libraries, one file for each library."""
