"""Reading and writing files of records; templates; relation graph."""
