//! The HTTP client that all services share: the proxies of the environment, TLS that trusts the system's certificates.
//!
//! Time limits are the callers': the SDK hands them over with each service.

use aws_sdk_s3::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};

/// Returns whether this machine knows any certificate authority, without which no https server can be trusted.
pub(super) fn has_authorities() -> bool {
    !rustls_native_certs::load_native_certs().certs.is_empty()
}

/// Returns a new client. Without `authorities` it still speaks http.
pub(super) fn client(authorities: bool) -> SharedHttpClient {
    // The client's own way to TLS knows nothing of HTTPS_PROXY and NO_PROXY, this one makes the same but for that.
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder().proxy_config(ProxyConfig::from_env());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        let mut builder = builder.tls_provider(Provider::rustls(CryptoMode::Ring));
        let trusted = TrustStore::empty().with_native_roots(authorities);
        // Building a context cannot fail: it only puts the settings together.
        if let Ok(context) = TlsContext::builder().with_trust_store(trusted).build() {
            builder.set_tls_context(context);
        }
        builder.build()
    })
}
