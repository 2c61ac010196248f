//! The headers of every answer: what a browser may do with it, which is as little as possible.

use http::HeaderValue;
use http::header::{self, HeaderMap, HeaderName};

/// Nothing inline, nothing from elsewhere, no frame around it.
const POLICY: &str = "default-src 'self'; base-uri 'none'; connect-src 'self'; form-action 'none'; \
     frame-ancestors 'none'; object-src 'none'; report-uri /csp-report; report-to csp";

const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (HeaderName::from_static("reporting-endpoints"), "csp=\"/csp-report\""),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), \
         geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), \
         screen-wake-lock=(), usb=(), xr-spatial-tracking=()",
    ),
];

/// Adds them; a stricter one that is there already stays.
pub(super) fn guard(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
