"""What V1 is: read from a database, from the models and from the files, and compared."""
