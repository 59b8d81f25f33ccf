"""The published nets: `table` lists them; `contracts` says what their parts take and give; the rest are the parts."""
