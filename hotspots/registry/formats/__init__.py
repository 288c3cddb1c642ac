"""Reading and writing records as CSV, XLSX, GeoJSON, GeoPackage; templates; relation graph."""
