"""Charts: rows of the store turned into Plotly figures, as plain dicts."""
