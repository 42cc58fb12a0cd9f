"""Reads parquet files with pyarrow and with datasets: the schema, the rows, and whether both see the same."""

import json
import sys

import datasets
import pyarrow.parquet as pq

datasets.disable_progress_bars()
result = []
for path in json.load(sys.stdin)["paths"]:
    table = pq.read_table(path)
    table.validate(full=True)
    rows = table.to_pylist()
    dataset = datasets.Dataset.from_parquet(path, keep_in_memory=True, cache_dir=path + ".cache")
    result.append(
        {
            "schema": {field.name: str(field.type) for field in table.schema},
            "rows": rows,
            "rowGroups": pq.ParquetFile(path).num_row_groups,
            "features": {name: str(feature) for name, feature in dataset.features.items()},
            "same": dataset.to_list() == rows,
        }
    )
json.dump(result, sys.stdout)
