//! A hub behind a real Caddy, configured by the example file: only the sync path is outside.

use super::machine::Machine;
use super::proxy::{Caddy, Front};
use super::support::{backs_up, backup, holds, link, operations, pair};
use std::net::SocketAddr;

#[test]
fn a_member_pairs_and_backs_up_through_caddy_across_its_reload_and_its_restart() {
    for front in [Front::Plain, Front::InternalCa] {
        let (mut hub, nas) = (
            Machine::start_with("hub", "trusted-proxies = [\"127.0.0.1\"]\n"),
            Machine::start("nas"),
        );
        let upstream = SocketAddr::from(([127, 0, 0, 1], hub.port));
        let Some(mut caddy) = Caddy::start(&front, upstream) else { return };
        hub.url = caddy.url(&front);
        backs_up(&nas);
        pair(&nas, &hub);
        // The hub says its own address as well; the proxy is to be the only way.
        nas.ask(&["peer", "edit", "hub", "--url", &hub.url]);
        holds(&hub, &nas, operations(&nas, &[]).len() as u64);

        caddy.reload();
        backup(&nas);
        holds(&hub, &nas, operations(&nas, &[]).len() as u64);

        caddy.kill();
        link(&nas, &hub, "offline");
        backup(&nas);
        caddy.run();
        link(&nas, &hub, "connected");
        holds(&hub, &nas, operations(&nas, &[]).len() as u64);
        let test = nas.ask(&["peer", "test", "hub"]);
        assert_eq!(test["ok"], true, "{test}");
    }
}
