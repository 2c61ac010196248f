//! Nouns of the model as columns.

use crate::model::{Epoch, FlowId, KeyId, OperationId, Timestamp};
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// A noun as it stands in a column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Col<T>(pub(crate) T);

macro_rules! blob_column {
    ($($type:ty),+) => {$(
        impl ToSql for Col<$type> {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
            }
        }

        impl FromSql for Col<$type> {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let bytes = value.as_blob()?;
                let exact = bytes.try_into().map_err(|_| FromSqlError::InvalidBlobSize {
                    expected_size: size_of::<$type>(),
                    blob_size: bytes.len(),
                })?;
                Ok(Self(<$type>::from_bytes(exact)))
            }
        }
    )+};
}

blob_column!(KeyId, Epoch, OperationId, FlowId);

impl ToSql for Col<Timestamp> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_millis().into())
    }
}

impl FromSql for Col<Timestamp> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(Timestamp::from_millis(value.as_i64()?)))
    }
}

/// The noun in a column.
pub(crate) fn noun<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<T>
where
    Col<T>: FromSql,
{
    row.get::<_, Col<T>>(column).map(|col| col.0)
}

/// The noun in a column that may be NULL.
pub(crate) fn maybe<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
where
    Col<T>: FromSql,
{
    row.get::<_, Option<Col<T>>>(column).map(|col| col.map(|col| col.0))
}
