"""Tables at the edge: files and DataFrames in, checked NumPy columns out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fixedweight.errors import FamilyError, require


def load_frame(source: Any) -> Any:
    """A pandas DataFrame from a path, a pandas or a polars DataFrame."""
    pd = require("pandas", "cli")
    if isinstance(source, pd.DataFrame):
        return source.reset_index(drop=True)
    if hasattr(source, "to_pandas"):
        return source.to_pandas()
    path = Path(source)
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    if path.suffix.lower() not in readers:
        raise FamilyError(f"Expected a .csv or .parquet file, got {str(path)!r}.")
    if not path.is_file():
        raise FamilyError(f"Expected a table at {str(path)!r}, but there is no such file.")
    try:
        return readers[path.suffix.lower()](path)
    except Exception as error:
        raise FamilyError(f"Expected a readable table at {str(path)!r}, but: {error}") from error


def check_column(frame: Any, column: str) -> None:
    if column not in frame.columns:
        raise FamilyError(
            f"Expected a column {column!r}, got the columns {[str(c) for c in frame.columns]}."
        )


def numeric(frame: Any, columns: Sequence[str]) -> np.ndarray:
    """The columns as float64 [row, column], NaN where missing; refuses text and infinities."""
    pd = require("pandas", "cli")
    for column in columns:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            unread = pd.to_numeric(frame[column], errors="coerce").isna() & frame[column].notna()
            value = frame[column][unread if unread.any() else slice(None)].iloc[0]
            raise FamilyError(
                f"Expected numbers in column {column!r}, got {value!r}. Turn it into numbers first."
            )
    values = frame[list(columns)].to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.isinf(values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise FamilyError(
            f"Expected finite or missing numbers in column {columns[column]!r}, got "
            f"{values[row, column]} in row {frame.index[row]} ({int(bad.sum())} such values in "
            "all). Fill or drop them first."
        )
    return values
