"""Files of records: CSV, XLSX, GeoJSON and GeoPackage in and out, templates, the relation graph."""
