//! Any bytes at all.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn never_make_a_listener_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        use prost::Message as _;
        let mut listener = Session::listen(local(2, "hub"), Timing::default(), at(0));
        if let Ok(envelope) = Envelope::decode(bytes.as_slice()) {
            listener.handle_envelope(envelope, at(0));
        }
        let _ = Message::decode(&bytes);
        prop_assert!(!listener.is_established());
    }
}
