"""Pure decisions: data and the moment in, a value out."""
