//! Reads `tests/vectors/`.

use serde_json::Value;

pub(crate) fn file(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Hexadecimal where it is that, the bytes of the text where it is not.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    hex::decode(text).unwrap_or_else(|_| text.as_bytes().to_vec())
}

pub(crate) fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

pub(crate) fn low_order_points() -> Vec<[u8; 32]> {
    file("primitives")["x25519_low_order"].as_array().unwrap().iter().map(array).collect()
}
