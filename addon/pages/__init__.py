"""HTML pages of the add-on."""
