"""Results as records, tables written from them, and notebooks as pages that read well offline.

`python -m utils.report` runs the notebooks and writes everything below reports/.
"""

from utils.report.contents import figures_of, write_index, write_readme
from utils.report.page import MAX_BYTES, ExportError, export
from utils.report.records import FIELDS, Results, header, read, record, write_records
from utils.report.tables import formatted, table, update_tables

__all__ = [
    "FIELDS",
    "MAX_BYTES",
    "ExportError",
    "Results",
    "export",
    "figures_of",
    "formatted",
    "header",
    "read",
    "record",
    "table",
    "update_tables",
    "write_index",
    "write_readme",
    "write_records",
]
