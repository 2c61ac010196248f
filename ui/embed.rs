//! Compresses the files of the web interface into the program, with a table of them.
//!
//! They are those that Vite wrote to `ui/dist`; without that folder, a page that says so.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::{Error, Result, Write as _};
use std::path::{Path, PathBuf};

const BUILT: &str = "ui/dist";
const PLACEHOLDER: &str = "src/web/placeholder";
/// Where Vite puts files that have their hash in their name.
const HASHED: &str = "/assets/";
const FOREVER: &str = "public, max-age=31536000, immutable";
/// It may change under its name.
const ASKING: &str = "no-cache";

/// Writes `assets.rs` and what it includes to `out`.
pub(crate) fn compress(out: &Path) -> Result<()> {
    let folder = if Path::new(BUILT).join("index.html").exists() { BUILT } else { PLACEHOLDER };
    // A folder that is not there cannot be watched: `make build` touches build.rs.
    println!("cargo:rerun-if-changed={folder}");
    let mut files = Vec::new();
    walk(Path::new(folder), &mut files)?;
    files.sort_by_key(|file| path_of(file, folder));
    let mut table = format!("static ASSETS: [Asset; {}] = [\n", files.len());
    for (number, file) in files.iter().enumerate() {
        let stem = out.join(format!("asset-{number}"));
        table += &row(&path_of(file, folder), &fs::read(file)?, &stem)?;
    }
    fs::write(out.join("assets.rs"), table + "];\n")
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { walk(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// As it is asked for.
fn path_of(file: &Path, folder: &str) -> String {
    let inside = file.strip_prefix(folder).unwrap_or(file);
    let parts = inside.components().map(|part| part.as_os_str().to_string_lossy());
    parts.fold(String::new(), |path, part| path + "/" + &part)
}

fn row(path: &str, content: &[u8], stem: &Path) -> Result<String> {
    let media_type = media_type(path);
    let etag = format!("W/\"{}\"", &hex(&Sha256::digest(content))[..32]);
    let kept = if path.starts_with(HASHED) { FOREVER } else { ASKING };
    let is_text = !["image/png", "font/woff2"].contains(&media_type);
    let mut row = String::new();
    let plain = kept_file(&stem.with_extension("plain"), content)?;
    let shorter = |name: &str, form: Vec<u8>| -> Result<String> {
        if !is_text || form.len() >= content.len() {
            return Ok("None".to_owned());
        }
        Ok(format!("Some({})", kept_file(&stem.with_extension(name), &form)?))
    };
    let (brotli, gzip) = (shorter("br", brotli(content)?)?, shorter("gz", gzip(content)?)?);
    writeln!(
        row,
        "Asset {{ path: {path:?}, media_type: {media_type:?}, etag: {etag:?}, \
         cache_control: {kept:?}, plain: {plain}, brotli: {brotli}, gzip: {gzip} }},"
    )
    .map_err(Error::other)?;
    Ok(row)
}

fn kept_file(path: &Path, content: &[u8]) -> Result<String> {
    fs::write(path, content)?;
    Ok(format!("include_bytes!({path:?})"))
}

fn brotli(content: &[u8]) -> Result<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams { quality: 11, ..Default::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &content[..], &mut compressed, &parameters)?;
    Ok(compressed)
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
