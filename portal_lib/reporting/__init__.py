"""Tables, figures and words of the report, made from tables and arrays; nothing here knows where a file lies."""
