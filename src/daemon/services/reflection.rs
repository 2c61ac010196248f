//! What can be called here, for generic clients: gRPC's server reflection, in both its versions.

use crate::api::DESCRIPTORS;
use tonic::service::Routes;
use tonic_reflection::server::{Builder, Error};

/// Services that describe all others, beside them.
pub(super) fn described(routes: Routes) -> Routes {
    let alone = routes.clone();
    described_by(routes, DESCRIPTORS).unwrap_or_else(|error| {
        tracing::error!(%error, "the API does not describe itself");
        alone
    })
}

fn described_by(routes: Routes, descriptors: &[u8]) -> Result<Routes, Error> {
    let builder = || Builder::configure().register_encoded_file_descriptor_set(descriptors);
    Ok(routes.add_service(builder().build_v1()?).add_service(builder().build_v1alpha()?))
}
