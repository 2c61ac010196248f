//! What can be called here, for generic clients: gRPC's server reflection, in both its versions.

use crate::api::DESCRIPTORS;
use axum::extract::Request;
use std::sync::{Arc, LazyLock};
use tonic::service::Routes;
use tonic_reflection::server::{Builder, Error};
use tower::ServiceExt as _;

const PATHS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/{method}",
    "/grpc.reflection.v1alpha.ServerReflection/{method}",
];

/// Services that describe all others, beside them. The description takes memory that most daemons
/// never need: it is unfolded when somebody asks.
pub(super) fn described(routes: Routes) -> Routes {
    let reflection = Arc::new(LazyLock::new(reflection));
    let answer = tower::service_fn(move |request: Request| {
        let reflection = Routes::clone(&reflection);
        reflection.oneshot(request)
    });
    let router = routes.into_axum_router();
    PATHS.iter().fold(router, |router, path| router.route_service(path, answer.clone())).into()
}

/// The two services; none, and the reason in the log, where the descriptions cannot be read.
fn reflection() -> Routes {
    described_by(DESCRIPTORS).unwrap_or_else(|error| {
        tracing::error!(%error, "the API does not describe itself");
        Routes::default()
    })
}

fn described_by(descriptors: &[u8]) -> Result<Routes, Error> {
    let builder = || Builder::configure().register_encoded_file_descriptor_set(descriptors);
    Ok(Routes::new(builder().build_v1()?).add_service(builder().build_v1alpha()?))
}
