"""The words of the domain: values without behaviour that touches the outside."""
